import type { TLSSocket } from "node:tls";

/**
 * What goes into one TLS record. `message`: one message, as browsers and libraries send. `turn`: all that a sender owes at
 * the end of one turn of the event loop, up to the 16 KiB of a record.
 */
export type RecordContent = "message" | "turn";

/** What OpenSSL takes as the greatest length of a record: SSL_CTX_set_max_send_fragment. */
const LEAST_FRAGMENT_BYTES = 512;
const GREATEST_FRAGMENT_BYTES = 16_384;

/**
 * Writes messages of one length over TLS so that the records hold what they are to hold. Node joins everything that is
 * written while a write is under way, and then cuts it into the longest records there can be. So where the length of a
 * message may be the length of a record, records are made so long; where it may not, each write waits for the one before. Neither can be
 * taken back: a socket has writers of one kind for as long as it lives.
 */
export class RecordWriter {
  readonly #socket: TLSSocket;
  readonly #messageBytes: number;
  /** Whether a write waits for the one before it, which takes a turn of the event loop. */
  readonly #isOnePerTurn: boolean;

  constructor(socket: TLSSocket, content: RecordContent, messageBytes: number) {
    this.#socket = socket;
    this.#messageBytes = messageBytes;
    const isRecordLength = messageBytes >= LEAST_FRAGMENT_BYTES && messageBytes <= GREATEST_FRAGMENT_BYTES;
    if (content === "message" && isRecordLength) socket.setMaxSendFragment(messageBytes);
    this.#isOnePerTurn = content === "message" && !isRecordLength;
    // Without it a stream hands its writes on one by one.
    if (this.#isOnePerTurn) Object.assign(socket, { _writev: null });
  }

  /**
   * @param batch whole messages, one behind the other; it is not to be changed afterwards.
   * @returns how many turns of the event loop it takes until all are written: 0 where they are, or may be as well.
   */
  write(batch: Buffer): number {
    if (!this.#isOnePerTurn) {
      this.#socket.write(batch);
      return 0;
    }
    for (let at = 0; at < batch.length; at += this.#messageBytes) {
      this.#socket.write(batch.subarray(at, at + this.#messageBytes));
    }
    return this.#messageBytes < LEAST_FRAGMENT_BYTES ? batch.length / this.#messageBytes - 1 : 0;
  }
}
