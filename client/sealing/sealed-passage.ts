import type { Clock, Timer } from "../clock.ts";
import { decodeProof, encodeProof, readHead } from "../delivery/frame.ts";
import type { Carrier, Sid } from "../delivery/ports.ts";
import type { LineMember, TopicLineEvents } from "../line/topic-line.ts";
import type { Passage, PassageParts } from "../passage.ts";
import { randomWord } from "../random.ts";
import { sidOfName, wireName } from "../roster.ts";
import type { ConnectionKeys } from "./frame-seal.ts";
import type { PresenceSeal } from "./presence-seal.ts";
import { SealedMember } from "./sealed-member.ts";
import { SealedSending } from "./sealed-sending.ts";
import type { Seals } from "./seals.ts";
import { InOrder, type Soon } from "./soon.ts";

/** Who has not proved itself is asked again after so long, each time for as long again. */
const ASK_AGAIN_MS = 1000;
const MAX_ASKS = 4;
/** So long a join waits for those who are there. */
const MEET_MS = 1000;
/** More are not heard. */
const MAX_MEMBERS = 10_000;
/** What waits to be opened, of those who are admitted and of the others; more is dropped, and asked for again. */
const MAX_OPENING_BYTES = 4_194_304;

/** What a sealed passage is made of. */
export type SealedPassageParts = PassageParts & { readonly clock: Clock; readonly seals: Seals };

/**
 * The passage of a topic with a secret: what leaves is sealed, and only who has the secret is heard. A session is heard when a
 * frame from it opens that names this end's own connection: an old one that is played again names another. Once it was, its
 * next connections are heard by their name. Where several have that name, it is the one that proves itself in the same way.
 */
export class SealedPassage implements Passage {
  readonly carrier: Carrier;
  readonly #parts: SealedPassageParts;
  readonly #sending: SealedSending;
  readonly #opening = new InOrder();
  readonly #showing = new InOrder();
  readonly #waiting = { bytes: 0 };
  readonly #newcomersWaiting = { bytes: 0 };
  readonly #members = new Map<number, SealedMember>();
  readonly #heard = new Map<Sid, SealedMember>();
  /** Sessions that have proved themselves, until they are gone. */
  readonly #proved = new Set<Sid>();
  #own: ConnectionKeys;
  #ownPresenceSeal: PresenceSeal;
  #ownPresence: Uint8Array | undefined;
  #asking: Timer | undefined;
  #onMet: (() => void) | undefined;

  constructor(parts: SealedPassageParts) {
    this.#parts = parts;
    this.#own = this.#keysOf("");
    this.#ownPresenceSeal = parts.seals.presenceSealOf(this.#own);
    this.#sending = new SealedSending({
      line: parts.line,
      memberOf: (sid) => this.#heard.get(sid),
      onWritable: parts.events.onWritable,
    });
    this.carrier = this.#sending;
  }

  nextName(): string {
    const name = wireName(this.#parts.ownSid, randomWord());
    this.#own = this.#keysOf(name);
    this.#ownPresenceSeal = this.#parts.seals.presenceSealOf(this.#own);
    return name;
  }

  nextPresence(): string | undefined {
    const sealed = this.#ownPresence && this.#ownPresenceSeal.seal(this.#ownPresence);
    if (typeof sealed !== "object") return sealed;
    this.#showLater(sealed);
    return undefined;
  }

  show(presence: Uint8Array): void {
    this.#ownPresence = presence;
    this.#showLater(this.#ownPresenceSeal.seal(presence));
  }

  joined(members: readonly LineMember[]): Sid[] {
    this.#sending.begin(this.#own);
    for (const member of members) this.#add(member);
    this.#askUnproved(1);
    return [...this.#heard.keys()];
  }

  down(): void {
    this.#sending.end();
    this.#members.clear();
    this.#heard.clear();
    this.#asking?.cancel();
    this.#asking = undefined;
  }

  peerJoined(member: LineMember): void {
    const added = this.#add(member);
    if (added === undefined) return;
    if (this.#heard.get(added.sid) === added) this.#parts.events.onHere(added.sid);
    else if (this.#mustProve(added)) this.#ask(added);
  }

  peerLeft(peerHandle: number): void {
    const member = this.#members.get(peerHandle);
    // Behind what it has sent before, which may still be opened.
    if (member !== undefined) this.#orderOf(member).add(member, () => this.#left(member));
  }

  #left(member: SealedMember): void {
    const { sid, peerHandle } = member;
    if (this.#members.get(peerHandle) === member) this.#members.delete(peerHandle);
    this.#settleMet();
    if (this.#heard.get(sid) !== member) return;
    this.#heard.delete(sid);
    this.#parts.events.onAway(sid);
    const others = [...this.#members.values()].filter((other) => other.sid === sid);
    const next = others.find(({ keys }) => keys.isAdmitted);
    if (next !== undefined) {
      this.#heard.set(sid, next);
      this.#tellPresence(next);
      this.#parts.events.onHere(sid);
    }
    for (const other of others) if (this.#mustProve(other)) this.#ask(other);
  }

  shown(peerHandle: number, presence: string): void {
    const member = this.#members.get(peerHandle);
    if (member === undefined || member.isIgnored) return;
    const order = member.keys.isAdmitted ? this.#orderOf(member) : member.showing;
    order.add(member.presenceSeal.open(presence), (opened) => {
      if (this.#members.get(peerHandle) !== member) return;
      if (opened === undefined) return this.#fault(member);
      if (opened.byteLength === 0) return;
      member.show(opened);
      if (this.#heard.get(member.sid) === member) this.#tellPresence(member);
    });
  }

  received({ peerHandle, payload, isAddressed }: Parameters<TopicLineEvents["onData"]>[0]): void {
    const member = this.#members.get(peerHandle);
    // A member without sessions: the app was told.
    if (member === undefined || member.isIgnored) return;
    const sealed = typeof payload === "string" ? undefined : payload;
    const head = sealed && readHead(sealed);
    if (sealed === undefined || head === undefined) return this.#fault(member);
    const waiting = member.keys.isAdmitted ? this.#waiting : this.#newcomersWaiting;
    if (waiting.bytes > MAX_OPENING_BYTES) return;
    waiting.bytes += sealed.byteLength;
    const receiver = isAddressed || head.kind === "chunk" ? this.#sending.own : undefined;
    this.#orderOf(member).add(member.keys.open(sealed, head, receiver), (frame) => {
      waiting.bytes -= sealed.byteLength;
      if (this.#members.get(peerHandle) !== member || frame?.byteLength === 0) return;
      if (frame === undefined || !member.accept(head)) return this.#fault(member);
      const { isAdmitted } = member.keys;
      const isHeard = this.#hears(member, isAdmitted && isAddressed && head.kind === "control");
      const proof = decodeProof(head);
      if (proof === undefined && isHeard) this.#parts.events.onFrame(member.sid, frame, { isAddressed });
      else if (proof?.wantsReply === true && (isHeard || !isAdmitted)) this.#prove(member, { wantsReply: !isAdmitted });
      if (!isAdmitted) this.#settleMet();
    });
  }

  gone(sid: Sid): void {
    if (this.#heard.has(sid)) return;
    this.#proved.delete(sid);
    this.#parts.seals.gone(sid);
  }

  sidOf(peerHandle: number): Sid | undefined {
    const member = this.#members.get(peerHandle);
    return member !== undefined && this.#heard.get(member.sid) === member ? member.sid : undefined;
  }

  async met(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.after(MEET_MS, resolve);
    this.#onMet = resolve;
    this.#settleMet();
    await promise;
    timer.cancel();
    this.#onMet = undefined;
  }

  settled(): Promise<void> {
    return this.#sending.settled();
  }

  /** Who is not admitted may have to wait for what an app decides, and the others do not wait with it. */
  #orderOf({ keys, opening }: SealedMember): InOrder {
    return keys.isAdmitted && opening.isIdle ? this.#opening : opening;
  }

  #keysOf(name: string): ConnectionKeys {
    return this.#parts.seals.keysOf(name, () => this.#opening.settled());
  }

  /** As soon as it is sealed, unless it is of an earlier connection by then. */
  #showLater(sealed: Soon<string>): void {
    const own = this.#own;
    this.#showing.add(sealed, (text) => {
      if (this.#own === own) this.#parts.line()?.setPresence(text);
    });
  }

  #tellPresence({ sid, presence }: SealedMember): void {
    if (presence !== undefined) this.#parts.events.onPresence(sid, presence);
  }

  #add({ peerId, peerHandle, presence }: LineMember): SealedMember | undefined {
    const { ownSid, events } = this.#parts;
    const sid = sidOfName(peerId);
    if (sid === undefined) events.onClassic(peerId);
    // One of the own is a connection of before that the relay has not given up yet.
    if (sid === undefined || sid === ownSid) return undefined;
    if (this.#members.size >= MAX_MEMBERS) {
      events.onFault("overflow", undefined);
      return undefined;
    }
    const keys = this.#keysOf(peerId);
    const member = new SealedMember(sid, peerHandle, keys, this.#parts.seals.presenceSealOf(keys));
    this.#members.set(peerHandle, member);
    if (keys.isAdmitted && this.#proved.has(sid) && !this.#heard.has(sid)) this.#heard.set(sid, member);
    if (presence !== undefined) this.shown(peerHandle, presence);
    return member;
  }

  /** Decides by a frame that has opened. @returns whether its sender is heard now */
  #hears(member: SealedMember, isProof: boolean): boolean {
    const { sid } = member;
    const { events } = this.#parts;
    const heard = this.#heard.get(sid);
    if (isProof) member.proved();
    if (heard === member) return true;
    // What goes to all may be played again, by anybody who was in the topic.
    if (!isProof) return false;
    if (heard?.isProved === true) {
      events.onFault("id-claimed", sid);
      return false;
    }
    // Perhaps somebody without the secret has taken the name of its session.
    if (heard !== undefined) events.onAway(sid);
    this.#heard.set(sid, member);
    this.#proved.add(sid);
    this.#tellPresence(member);
    events.onHere(sid);
    this.#settleMet();
    return true;
  }

  #fault(member: SealedMember): void {
    const isHeard = this.#heard.get(member.sid) === member;
    if (member.countFault()) this.#parts.events.onFault("unsealed", isHeard ? member.sid : undefined);
  }

  #ask(member: SealedMember): void {
    this.#prove(member, { wantsReply: true });
    this.#asking ??= this.#parts.clock.after(ASK_AGAIN_MS, () => this.#askUnproved(1));
  }

  /** @param count how often they were asked. */
  #askUnproved(count: number): void {
    this.#asking?.cancel();
    this.#asking = undefined;
    const unproved = this.#unproved();
    for (const member of unproved) this.#prove(member, { wantsReply: true });
    if (unproved.length === 0 || count >= MAX_ASKS) return;
    this.#asking = this.#parts.clock.after(ASK_AGAIN_MS * count, () => this.#askUnproved(count + 1));
  }

  #prove(member: SealedMember, proof: { readonly wantsReply: boolean }): void {
    if (!member.mayProve(this.#parts.clock.monotonicMs())) return;
    this.#sending.toMember(member, encodeProof(proof));
  }

  #unproved(): SealedMember[] {
    return [...this.#members.values()].filter((member) => !member.isIgnored && this.#mustProve(member));
  }

  /** Its session is new; or another connection has its place, and has not proved itself. */
  #mustProve(member: SealedMember): boolean {
    const heard = this.#heard.get(member.sid);
    return !this.#proved.has(member.sid) || (heard !== member && heard?.isProved !== true);
  }

  #settleMet(): void {
    if (this.#onMet !== undefined && this.#unproved().length === 0) this.#onMet();
  }
}
