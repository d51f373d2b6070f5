import { utf8 } from "../data.ts";
import type { FrameHead } from "../delivery/frame.ts";
import type { Sid } from "../delivery/ports.ts";
import type { ConnectionKeys, Receiver } from "./frame-seal.ts";
import type { PresenceSeal } from "./presence-seal.ts";
import { InOrder } from "./soon.ts";

/** Who has sent so many frames that did not open, and none that did, is not looked at any more. */
const MAX_FAULTS = 100;
const CROSSED_MS = 500;

/** A member of a sealed topic on the present connection, heard or not. */
export class SealedMember implements Receiver {
  readonly sid: Sid;
  readonly peerHandle: number;
  readonly keys: ConnectionKeys;
  readonly presenceSeal: PresenceSeal;
  /** What comes of it before it is admitted, in that order: nobody else waits for that to be opened. */
  readonly opening: InOrder = new InOrder();
  /** The same for what it shows, which may wait for what comes. */
  readonly showing: InOrder = new InOrder();
  readonly nameBytes: Uint8Array;
  #hasOpened = false;
  #isProved = false;
  #provedAtMs: number = Number.NEGATIVE_INFINITY;
  #lastControlSeq = 0;
  #faultCount = 0;
  #presence: Uint8Array | undefined;

  constructor(sid: Sid, peerHandle: number, keys: ConnectionKeys, presenceSeal: PresenceSeal) {
    this.sid = sid;
    this.peerHandle = peerHandle;
    this.keys = keys;
    this.presenceSeal = presenceSeal;
    this.nameBytes = utf8(keys.name);
  }

  /** A frame of it was opened: it has the secret. */
  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  /** It has sealed something for the present connection of this end: nobody can have played that again. */
  get isProved(): boolean {
    return this.#isProved;
  }

  proved(): void {
    this.#isProved = true;
  }

  /** What it shows of itself; undefined: nothing yet. */
  get presence(): Uint8Array | undefined {
    return this.#presence;
  }

  show(presence: Uint8Array): void {
    this.#presence = presence;
  }

  /** What it sends is not opened any more: that would cost time for nothing. */
  get isIgnored(): boolean {
    return this.keys.isRefused || (!this.#hasOpened && this.#faultCount >= MAX_FAULTS);
  }

  /** Takes a frame that has opened. @returns whether it is new: control frames rise on a connection. Delivery tells others apart */
  accept({ kind, seq }: FrameHead): boolean {
    if (kind === "control") {
      if (seq <= this.#lastControlSeq) return false;
      this.#lastControlSeq = seq;
    }
    this.#hasOpened = true;
    return true;
  }

  /** @returns whether this end should prove itself now: two proofs that cross need no answer, unless there is more to say */
  mayProve(nowMs: number): boolean {
    if (this.isIgnored || (nowMs - this.#provedAtMs < CROSSED_MS && !this.keys.owesProof)) return false;
    this.#provedAtMs = nowMs;
    return true;
  }

  /** @returns whether the app should hear of it */
  countFault(): boolean {
    this.#faultCount += 1;
    return this.#faultCount <= MAX_FAULTS;
  }
}
