import { fromBase64url, toBase64url } from "./base64url.ts";
import type { Carrier, Sid } from "./delivery/ports.ts";
import type { LineMember, TopicLineEvents } from "./line/topic-line.ts";
import { MAX_PRESENCE_BYTES, type Passage, type PassageParts } from "./passage.ts";
import { randomWord } from "./random.ts";
import { Roster, wireName } from "./roster.ts";

/** The passage of a public topic: frames go as they are. */
export class ClearPassage implements Passage {
  readonly carrier: Carrier;
  readonly #parts: PassageParts;
  readonly #roster: Roster;
  #presence: string | undefined;

  constructor(parts: PassageParts) {
    this.#parts = parts;
    const roster = new Roster(parts.ownSid);
    this.#roster = roster;
    const { line } = parts;
    this.carrier = {
      get isWritable() {
        return line()?.isWritable === true;
      },
      get hasLists() {
        return line()?.hasLists === true;
      },
      toAll: (frame) => {
        line()?.sendToAll(frame);
        line()?.expectTraffic();
      },
      toPeers: (sids, frame) => {
        const peerHandles = sids.flatMap((sid) => roster.handleOf(sid) ?? []);
        if (peerHandles.length > 0) line()?.sendTo(peerHandles, frame);
        line()?.expectTraffic();
      },
    };
  }

  nextName(): string {
    return wireName(this.#parts.ownSid, randomWord());
  }

  nextPresence(): string | undefined {
    return this.#presence;
  }

  show(presence: Uint8Array): void {
    this.#presence = toBase64url(presence);
    this.#parts.line()?.setPresence(this.#presence);
  }

  joined(members: readonly LineMember[]): Sid[] {
    return members.flatMap((member) => this.#admit(member) ?? []);
  }

  down(): void {
    this.#roster.clear();
  }

  peerJoined(member: LineMember): void {
    const sid = this.#admit(member);
    if (sid !== undefined) this.#parts.events.onHere(sid);
  }

  peerLeft(peerHandle: number): void {
    const sid = this.#roster.remove(peerHandle);
    if (sid === undefined) return;
    this.#parts.events.onAway(sid);
    if (this.#roster.handleOf(sid) !== undefined) this.#parts.events.onHere(sid);
  }

  shown(peerHandle: number, presence: string): void {
    const sid = this.#roster.sidOf(peerHandle);
    if (sid !== undefined) this.#tellPresence(sid, presence);
  }

  received({ peerHandle, payload, isAddressed }: Parameters<TopicLineEvents["onData"]>[0]): void {
    const sid = this.#roster.sidOf(peerHandle);
    // A classic member's: the app was told that there is one.
    if (sid === undefined) return;
    if (typeof payload === "string") this.#parts.events.onFault("unreadable", sid);
    else this.#parts.events.onFrame(sid, payload, { isAddressed });
  }

  gone(): void {
    // The name is all there is.
  }

  sidOf(peerHandle: number): Sid | undefined {
    return this.#roster.sidOf(peerHandle);
  }

  met(): Promise<void> {
    return Promise.resolve();
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  /** @returns the session, where it is heard. */
  #admit(member: LineMember): Sid | undefined {
    const { ownSid, canTakeOver, events } = this.#parts;
    const admission = this.#roster.add(member, { canTakeOver: canTakeOver() });
    switch (admission.kind) {
      case "session":
        if (member.presence !== undefined) this.#tellPresence(admission.sid, member.presence);
        return admission.sid;
      case "classic":
        events.onClassic(member.peerId);
        return undefined;
      case "claimed":
        // The own one is a connection of before that the relay has not given up yet.
        if (admission.sid !== ownSid) events.onFault("id-claimed", admission.sid);
        return undefined;
    }
  }

  #tellPresence(sid: Sid, presence: string): void {
    const { events } = this.#parts;
    const bytes = fromBase64url(presence);
    if (bytes === undefined || bytes.length > MAX_PRESENCE_BYTES) events.onFault("unreadable", sid);
    else events.onPresence(sid, bytes);
  }
}
