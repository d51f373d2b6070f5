import type { PendingPoll } from "../../relay/polling/batches.ts";
import type { PollLink } from "../../relay/polling/poll-link.ts";
import type { LinkPeer } from "./link-peer.ts";
import { decodeFrames, encodeFrame, Opcode, type ServerFrame } from "./raw-socket.ts";

/** A client at the far end of a link that polls, without the HTTP between: one poll after the other, one upload at a time. */
export class PollPeer implements LinkPeer {
  readonly #link: PollLink;
  readonly #batches: Buffer[] = [];
  #uploadCount = 0;
  #isReading = false;
  #poll: PendingPoll | undefined;

  constructor(link: PollLink) {
    this.#link = link;
    this.startReading();
  }

  say(...messages: readonly (string | Uint8Array)[]): void {
    const frames = messages.map((payload) =>
      encodeFrame({ payload, opcode: typeof payload === "string" ? Opcode.text : Opcode.binary }),
    );
    this.#upload(Buffer.concat(frames));
  }

  frames(): readonly ServerFrame[] {
    return decodeFrames(Buffer.concat(this.#batches));
  }

  stopReading(): void {
    this.#isReading = false;
    if (this.#poll !== undefined) this.#link.forget(this.#batches.length, this.#poll);
  }

  startReading(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#ask();
  }

  hangUp(code: number): void {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#upload(encodeFrame({ opcode: Opcode.close, payload }));
  }

  vanish(): void {
    // Nobody is told that a client does not come back: the sweep finds it, and ends it so.
    this.#link.terminate();
  }

  #upload(body: Buffer): void {
    const number = this.#uploadCount;
    this.#uploadCount += 1;
    this.#link.upload({ number, body, byteCount: body.length }, () => undefined);
  }

  #ask(): void {
    if (!this.#isReading) return;
    const number = this.#batches.length;
    this.#poll = {
      answer: (batch) => {
        if (batch.length > 0) this.#batches.push(Buffer.from(batch));
        setImmediate(() => this.#ask());
      },
      gone: () => {
        this.#isReading = false;
      },
    };
    this.#link.poll({ number, received: number, waitMs: 1000, byteCount: 100 }, this.#poll);
  }
}
