import type { Socket } from "node:net";
import { decodeFrames, encodeFrame, Opcode, type ServerFrame } from "./raw-socket.ts";

/** The far end of a link. It reads by itself until it is told not to, and answers what a client has to answer. */
export type LinkPeer = {
  /** Says whole messages, all at once. */
  say(...messages: readonly (string | Uint8Array)[]): void;
  /** Frames that it has read so far, control frames too. */
  frames(): readonly ServerFrame[];
  stopReading(): void;
  startReading(): void;
  /** Ends as a client does that leaves, with a code. */
  hangUp(code: number): void;
  /** Is gone without a word. */
  vanish(): void;
};
/** A client on a real socket, after the handshake: answers pings and the close (RFC 6455 sections 5.5.1 and 5.5.2). */
export class SocketPeer implements LinkPeer {
  readonly #socket: Socket;
  readonly #frames: ServerFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.#take(Buffer.concat([this.#rest, chunk])));
  }

  say(...messages: readonly (string | Uint8Array)[]): void {
    const frames = messages.map((payload) =>
      encodeFrame({ payload, opcode: typeof payload === "string" ? Opcode.text : Opcode.binary }),
    );
    this.#socket.write(Buffer.concat(frames));
  }

  frames(): readonly ServerFrame[] {
    return this.#frames;
  }

  #take(bytes: Buffer): void {
    const frames = decodeFrames(bytes);
    let takenBytes = 0;
    for (const { opcode, payload } of frames) {
      takenBytes += (payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10) + payload.length;
      if (opcode === Opcode.ping) this.#socket.write(encodeFrame({ opcode: Opcode.pong, payload }));
      if (opcode === Opcode.close) this.#socket.write(encodeFrame({ opcode, payload }));
    }
    this.#frames.push(...frames);
    this.#rest = bytes.subarray(takenBytes);
  }

  stopReading(): void {
    this.#socket.pause();
  }

  startReading(): void {
    this.#socket.resume();
  }

  hangUp(code: number): void {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#socket.write(encodeFrame({ opcode: Opcode.close, payload }));
  }

  vanish(): void {
    this.#socket.resetAndDestroy();
  }
}
