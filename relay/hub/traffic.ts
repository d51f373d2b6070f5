/** Messages and their bytes since the start: plain numbers, read when somebody asks. */
export class Traffic {
  #messageCount = 0;
  #byteCount = 0;

  get messageCount(): number {
    return this.#messageCount;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Adds messages of one length. */
  add(messageCount: number, byteLength: number): void {
    this.#messageCount += messageCount;
    this.#byteCount += messageCount * byteLength;
  }
}
