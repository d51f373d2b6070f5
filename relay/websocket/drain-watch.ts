/** Who waits until a link has written enough: until little waits, or until all has left that waited when it was asked. */
export class DrainWatch {
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  #behind: { leftBytes: number; readonly callback: () => void } | undefined;

  /** Calls back once, when no more than this waits. */
  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  /** Calls back once, when these bytes of frames have been taken and written. */
  whenWritten(waitingBytes: number, callback: () => void): void {
    this.#behind = { leftBytes: waitingBytes, callback };
  }

  /** Bytes of frames were taken to be written. */
  took(byteCount: number): void {
    if (this.#behind !== undefined) this.#behind.leftBytes -= byteCount;
  }

  /** What was taken has been written. */
  written(waitingBytes: number): void {
    const below = this.#below;
    if (below !== undefined && waitingBytes <= below.bytes) {
      this.#below = undefined;
      below.callback();
    }
    const behind = this.#behind;
    if (behind !== undefined && behind.leftBytes <= 0) {
      this.#behind = undefined;
      behind.callback();
    }
  }

  /** Nothing is written any more: nobody is called back. */
  clear(): void {
    this.#below = undefined;
    this.#behind = undefined;
  }
}
