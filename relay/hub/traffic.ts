/** Messages and their bytes since the start: plain numbers, read when somebody asks. */
export class Traffic {
  messageCount = 0;
  byteCount = 0;

  /** Adds messages of one length. */
  add(messageCount: number, byteLength: number): void {
    this.messageCount += messageCount;
    this.byteCount += messageCount * byteLength;
  }
}
