import { randomUUID } from "node:crypto";
import type { Traffic } from "../../hub/traffic.ts";
import type { ConnectionLink } from "../../session/ports.ts";
import { messageFrame } from "../../wire/message-frame.ts";
import { encodeFrame, encodeFrameWithBytes, type Fields } from "./envelope.ts";
import { NoiseSession } from "./noise.ts";

/** While more than this waits for a client, it is given no more of its mailbox. */
const ROOM_BYTES = 65_536;
/** Above this a client is not read either: it would have more answers coming, and takes none. */
const FULL_BYTES = 1_048_576;

/** What is sent: the kind of message, and what is in it. */
type Payload = Fields & { readonly type: string };

/** What a line is made with. */
export type LineParts = {
  readonly link: ConnectionLink;
  /** Counts what was sent. */
  readonly sent: Traffic;
  /** The time of day. */
  readonly nowMs: () => number;
  /** There is room for more of the mailbox. Never called from within a call of the line. */
  readonly onRoom: () => void;
};

/** The way to one client: frames, sealed where it speaks Noise, and as many as it takes. */
export class MailboxLine {
  readonly #parts: LineParts;
  /** Why the client is not read. */
  readonly #holds = new Set<string>();
  #noise: NoiseSession | undefined;
  #isWaiting = false;
  #isOver = false;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  get isNoise(): boolean {
    return this.#noise !== undefined;
  }

  /** Whether more of the mailbox may be given. */
  get hasRoom(): boolean {
    return this.#parts.link.bufferedBytes < ROOM_BYTES;
  }

  /** From now on everything is sealed, behind the relay's half of the handshake. */
  startNoise(noise: NoiseSession): void {
    this.#write(noise.reply);
    this.#noise = noise;
  }

  /** Opens what came. @returns undefined: it is not authentic. */
  opened(frame: Uint8Array): Uint8Array | undefined {
    return this.#noise === undefined ? frame : this.#noise.open(frame);
  }

  /** Sends a message. @param messageId left out: one that is nobody's. @returns whether it could go. */
  send(payload: Payload, messageId: string = randomUUID()): boolean {
    return this.#seal(encodeFrame({ messageId, payload }, this.#parts.nowMs()));
  }

  /** The same with a field of bytes. */
  sendWithBytes(
    payload: Payload,
    field: Parameters<typeof encodeFrameWithBytes>[1],
    messageId: string = randomUUID(),
  ): boolean {
    return this.#seal(encodeFrameWithBytes({ messageId, payload }, field, this.#parts.nowMs()));
  }

  /** Stops reading the client for a reason, until `release` for the same one. */
  hold(why: string): void {
    if (this.#holds.size === 0) this.#parts.link.hold();
    this.#holds.add(why);
  }

  release(why: string): void {
    if (this.#holds.delete(why) && this.#holds.size === 0 && !this.#isOver) this.#parts.link.release();
  }

  /** Calls `onRoom` when there is room, once. */
  awaitRoom(): void {
    if (this.#isWaiting || this.#isOver) return;
    this.#isWaiting = true;
    this.#parts.link.whenBelow(ROOM_BYTES / 2, () => {
      this.#isWaiting = false;
      if (this.#isOver) return;
      this.release("answers");
      this.#parts.onRoom();
    });
  }

  /** Sends nothing more. */
  end(): void {
    this.#isOver = true;
  }

  #seal(frame: Uint8Array): boolean {
    if (this.#isOver) return false;
    if (this.#noise === undefined) {
      this.#write(frame);
      return true;
    }
    if (!NoiseSession.takes(frame.length)) return false;
    this.#write(this.#noise.seal(frame));
    return true;
  }

  #write(bytes: Uint8Array): void {
    const { link, sent } = this.#parts;
    const frame = messageFrame("binary", bytes);
    sent.add(1, frame.length);
    link.send(frame);
    if (link.bufferedBytes < FULL_BYTES) return;
    this.hold("answers");
    this.awaitRoom();
  }
}
