import type { SenderNumbers } from "./lane-sender.ts";
import { WINDOW_BYTES } from "./lane-sender.ts";

/** What a receiver whose app falls behind still offers. */
const MIN_WINDOW_BYTES = 32 * 1024;

/** The receiving half of a lane. It keeps no message: what cannot be delivered now comes again later. */
export class LaneReceiver {
  /** What it has to say to the sender. */
  owes: "progress" | "resume" | undefined;
  #next: number;
  /** A gap was told. Once for each: if that is not heard, the sender asks. */
  #isGapTold = false;
  /** The app had no room for `next`. */
  #isShut = false;
  #windowBytes = WINDOW_BYTES;
  #unsaidBytes = 0;

  constructor(next: number) {
    this.#next = next;
  }

  /** The number that it takes next. */
  get next(): number {
    return this.#next;
  }

  /** How many bytes it takes from `next` on. */
  get byteLimit(): number {
    return this.#isShut ? 0 : Math.floor(this.#windowBytes);
  }

  /** So much has come that the sender may soon wait for the acknowledgement. */
  get isUrgent(): boolean {
    return this.#unsaidBytes * 4 >= this.#windowBytes;
  }

  /** @returns whether a chunk of so many bytes is to be delivered: it is the next one, and there is room. */
  accept(seq: number, bytes: number, hasRoom: () => boolean): boolean {
    if (seq < this.#next) this.owes ??= "progress";
    else if (seq > this.#next) this.#tellGap();
    else if (hasRoom()) {
      this.#moveTo(seq + 1);
      this.#unsaidBytes += bytes;
      this.#windowBytes = Math.min(WINDOW_BYTES, this.#windowBytes + bytes / 8);
      return true;
    } else this.#shut();
    return false;
  }

  /** The sender asks where it is, and has nothing below `first`. @returns how many are lost with that. */
  asked({ first, confirmed }: SenderNumbers): number {
    const lostCount = Math.max(0, first - Math.max(this.#next, confirmed));
    if (first > this.#next) this.#moveTo(first);
    this.owes = "resume";
    return lostCount;
  }

  /** The app has room. @returns whether something was refused before. */
  open(): boolean {
    if (!this.#isShut) return false;
    this.#isShut = false;
    this.owes = "resume";
    return true;
  }

  /** The connection is gone, and what was said on it with it. */
  forgetConnection(): void {
    this.#isGapTold = false;
  }

  /** What it owed was said. */
  said(): void {
    this.owes = undefined;
    this.#unsaidBytes = 0;
  }

  #moveTo(next: number): void {
    this.#next = next;
    this.#isGapTold = false;
    this.#isShut = false;
    this.owes ??= "progress";
  }

  #tellGap(): void {
    if (!this.#isGapTold && !this.#isShut) this.owes = "resume";
    this.#isGapTold = true;
  }

  /** The limit is 0 from here on. Afterwards less is offered, so that less comes in vain. */
  #shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    this.#windowBytes = Math.max(MIN_WINDOW_BYTES, this.#windowBytes / 2);
    this.owes = "resume";
  }
}
