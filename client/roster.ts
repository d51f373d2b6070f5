import type { Sid } from "./delivery/ports.ts";
import type { LineMember } from "./line/topic-line.ts";

/** `base64url(sid) "." random`: 16 bytes each, without padding. */
const WIRE_NAME = /^([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{22}$/;

/** What a member turned out to be. */
export type Admission =
  /** Heard as this session. */
  | { readonly kind: "session"; readonly sid: Sid }
  /** A client without sessions. */
  | { readonly kind: "classic" }
  /** It claims the session of a member who is there, or the own: not heard. */
  | { readonly kind: "claimed"; readonly sid: Sid };

/** Makes the name under which a session joins one connection. @param random 22 characters of base64url, new ones each time. */
export function wireName(sid: Sid, random: string): string {
  return `${sid}.${random}`;
}

/** @returns the session whose name it is; undefined: of a client without sessions. */
export function sidOfName(peerId: string): Sid | undefined {
  return WIRE_NAME.exec(peerId)?.[1];
}

/**
 * Which session is behind which handle on the present connection. A session is heard by one handle at a time: whoever claims it
 * while it is there is not heard, not even when the first has left, because a client that comes back has its old connection
 * ended first (`takeover`). Where the relay cannot do that, the next claimant takes the place of the one who left.
 */
export class Roster {
  readonly #ownSid: Sid;
  readonly #sids = new Map<number, Sid>();
  readonly #handles = new Map<Sid, number>();
  /** Only where claimants may take a place. */
  readonly #claimants = new Map<number, Sid>();

  constructor(ownSid: Sid) {
    this.#ownSid = ownSid;
  }

  /** The session that is heard by this handle. */
  sidOf(peerHandle: number): Sid | undefined {
    return this.#sids.get(peerHandle);
  }

  handleOf(sid: Sid): number | undefined {
    return this.#handles.get(sid);
  }

  add({ peerId, peerHandle }: LineMember, { canTakeOver }: { readonly canTakeOver: boolean }): Admission {
    const sid = sidOfName(peerId);
    if (sid === undefined) return { kind: "classic" };
    if (sid === this.#ownSid || this.#handles.has(sid)) {
      if (!canTakeOver && sid !== this.#ownSid) this.#claimants.set(peerHandle, sid);
      return { kind: "claimed", sid };
    }
    this.#sids.set(peerHandle, sid);
    this.#handles.set(sid, peerHandle);
    return { kind: "session", sid };
  }

  /** @returns the session that was heard by it. Where it has a handle now, a claimant has taken its place. */
  remove(peerHandle: number): Sid | undefined {
    this.#claimants.delete(peerHandle);
    const sid = this.#sids.get(peerHandle);
    if (sid === undefined) return undefined;
    this.#sids.delete(peerHandle);
    this.#handles.delete(sid);
    const next = [...this.#claimants].find(([, claimed]) => claimed === sid)?.[0];
    if (next === undefined) return sid;
    this.#claimants.delete(next);
    this.#sids.set(next, sid);
    this.#handles.set(sid, next);
    return sid;
  }

  /** All handles are void: the connection is gone. */
  clear(): void {
    for (const map of [this.#sids, this.#handles, this.#claimants]) map.clear();
  }
}
