import type { SenderNumbers } from "./lane-sender.ts";

/** What a receiver whose app falls behind still offers. */
const MIN_WINDOW_BYTES = 32 * 1024;

/**
 * The receiving half of a lane. What cannot be delivered now it does not take, and it comes again later. What the app has
 * taken delivery of, and not read, may count against the window: `hold`.
 */
export class LaneReceiver {
  #owes: "progress" | "resume" | undefined;
  #next: number;
  /** A gap was told. Once for each: if that is not heard, the sender asks. */
  #isGapTold = false;
  /** The app had no room for `next`. */
  #isShut = false;
  #maxWindowBytes: number;
  #windowBytes: number;
  #unreadBytes = 0;
  #unsaidBytes = 0;

  /** @param windowBytes how much it takes at most before that is read. */
  constructor(next: number, windowBytes: number) {
    this.#next = next;
    this.#maxWindowBytes = windowBytes;
    this.#windowBytes = windowBytes;
  }

  /** What it has to say to the sender. */
  get owes(): "progress" | "resume" | undefined {
    return this.#owes;
  }

  /** The number that it takes next. */
  get next(): number {
    return this.#next;
  }

  /** How many bytes it takes from `next` on. */
  get byteLimit(): number {
    return this.#isShut ? 0 : Math.max(0, Math.floor(this.#windowBytes) - this.#unreadBytes);
  }

  /** So much has come, or was read, that the sender may soon wait for the acknowledgement. */
  get isUrgent(): boolean {
    return this.#unsaidBytes * 4 >= this.#windowBytes;
  }

  /** @returns whether a chunk of so many bytes is to be delivered: it is the next one, and there is room. */
  accept(seq: number, bytes: number, hasRoom: () => boolean): boolean {
    if (seq < this.#next) this.#owes ??= "progress";
    else if (seq > this.#next) this.#tellGap();
    else if (hasRoom()) {
      this.#moveTo(seq + 1);
      this.#arrived(bytes);
      return true;
    } else this.#shut();
    return false;
  }

  /** So much of what was delivered waits to be read. */
  hold(bytes: number): void {
    this.#unreadBytes += bytes;
  }

  /** So much of it was read. */
  read(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#arrived(bytes);
    this.#owes ??= "progress";
    if (this.#unreadBytes < this.#windowBytes) this.open();
  }

  /** Takes so much from now on. */
  setWindow(windowBytes: number): void {
    this.#maxWindowBytes = windowBytes;
    this.#windowBytes = windowBytes;
    this.read(0);
  }

  /** The sender asks where it is, and has nothing below `first`. @returns how many are lost with that. */
  asked({ first, confirmed }: SenderNumbers): number {
    const lostCount = Math.max(0, first - Math.max(this.#next, confirmed));
    if (first > this.#next) this.#moveTo(first);
    this.#owes = "resume";
    return lostCount;
  }

  /** The app has room. @returns whether something was refused before. */
  open(): boolean {
    if (!this.#isShut) return false;
    this.#isShut = false;
    this.#owes = "resume";
    return true;
  }

  /** The connection is gone, and what was said on it with it. */
  forgetConnection(): void {
    this.#isGapTold = false;
  }

  /** What it owed was said. */
  said(): void {
    this.#owes = undefined;
    this.#unsaidBytes = 0;
  }

  #arrived(bytes: number): void {
    this.#unsaidBytes += bytes;
    this.#windowBytes = Math.min(this.#maxWindowBytes, this.#windowBytes + bytes / 8);
  }

  #moveTo(next: number): void {
    this.#next = next;
    this.#isGapTold = false;
    this.#isShut = false;
    this.#owes ??= "progress";
  }

  #tellGap(): void {
    if (!this.#isGapTold && !this.#isShut) this.#owes = "resume";
    this.#isGapTold = true;
  }

  /** The limit is 0 from here on. Afterwards less is offered, so that less comes in vain. */
  #shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    this.#windowBytes = Math.max(Math.min(MIN_WINDOW_BYTES, this.#maxWindowBytes), this.#windowBytes / 2);
    this.#owes = "resume";
  }
}
