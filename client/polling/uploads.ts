import { FIRST_UPLOAD_BYTES, REQUESTS_IN_FLIGHT } from "../../protocol/polling.ts";

/** An upload that was answered so soon may be twice as large the next time; one that took so long, half as large. */
const QUICK_MS = 1000;
const SLOW_MS = 3000;

/** A piece of the stream with its number. */
export type Upload = {
  readonly number: number;
  readonly body: Uint8Array<ArrayBuffer>;
};

/** What is to be uploaded: frames as one stream, cut into numbered pieces that are sent again until the relay has taken them. */
export class Uploads {
  #frames: Uint8Array[] = [];
  /** Of the first frame, what was taken. */
  #takenBytes = 0;
  #waitingBytes = 0;
  #count = 0;
  #inFlightCount = 0;
  #hasOpened = false;
  #sizeBytes = FIRST_UPLOAD_BYTES;
  #limitBytes = FIRST_UPLOAD_BYTES;

  /** Bytes of frames that are in no upload yet, and will not be in the next one: what it takes has to be there when it goes. */
  get waitingBytes(): number {
    return Math.max(0, this.#waitingBytes - this.#sizeBytes);
  }

  /** Whether the relay has taken the first upload, by which the session is open. */
  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  /** Whether one was sent. */
  get hasBegun(): boolean {
    return this.#count > 0;
  }

  /** Whether nothing is left to be taken by the relay. */
  get isEmpty(): boolean {
    return this.#waitingBytes === 0 && this.#inFlightCount === 0;
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#waitingBytes += frame.length;
  }

  /** The next upload, if one may be sent now: the second may not overtake the one that opens the session. */
  next(): Upload | undefined {
    const mayBeInFlight = this.#hasOpened ? REQUESTS_IN_FLIGHT : 1;
    if (this.#waitingBytes === 0 || this.#inFlightCount >= mayBeInFlight) return undefined;
    this.#inFlightCount += 1;
    this.#count += 1;
    return { number: this.#count - 1, body: this.#take(Math.min(this.#sizeBytes, this.#waitingBytes)) };
  }

  /** The relay has taken one, after so long. @param limitBytes how large one may be, as it says. */
  applied(byteCount: number, tookMs: number, limitBytes: number): void {
    this.#hasOpened = true;
    this.#inFlightCount -= 1;
    this.#limitBytes = Math.max(this.#limitBytes, limitBytes);
    if (tookMs >= SLOW_MS) this.#sizeBytes = Math.max(FIRST_UPLOAD_BYTES, this.#sizeBytes / 2);
    // One that was small says nothing of larger ones.
    else if (tookMs < QUICK_MS && byteCount * 2 >= this.#sizeBytes)
      this.#sizeBytes = Math.min(this.#limitBytes, this.#sizeBytes * 2);
  }

  #take(byteCount: number): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(byteCount);
    let at = 0;
    let index = 0;
    while (at < byteCount) {
      const frame = this.#frames[index] ?? new Uint8Array(byteCount);
      const piece = frame.subarray(this.#takenBytes, this.#takenBytes + byteCount - at);
      body.set(piece, at);
      at += piece.length;
      this.#takenBytes += piece.length;
      if (this.#takenBytes < frame.length) break;
      this.#takenBytes = 0;
      index += 1;
    }
    this.#frames = this.#frames.slice(index);
    this.#waitingBytes -= byteCount;
    return body;
  }
}
