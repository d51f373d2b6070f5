import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";
import type { TestRelay } from "./relay.ts";

/** RFC 6455 section 1.3: any 16 bytes will do, and these are the example's. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const END_OF_HEAD = "\r\n\r\n";

/** The opcodes of RFC 6455 section 5.2. */
export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** A client's frame, broken wherever the test wants it broken. What is left out is as RFC 6455 wants it. */
export type FrameOptions = {
  readonly opcode?: number;
  readonly payload?: Uint8Array | string;
  readonly isFinal?: boolean;
  /** RSV1 to RSV3 as a number from 0 to 7. */
  readonly reservedBits?: number;
  readonly isMasked?: boolean;
  /** The length that the header tells, whatever the payload has. */
  readonly announcedBytes?: bigint;
};

/** One frame of the relay. */
export type ServerFrame = { readonly opcode: number; readonly isFinal: boolean; readonly payload: Buffer };

/** A socket that a test writes to byte by byte, and that keeps what comes back. It is destroyed when the test ends. */
export class RawSocket {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  /** Where the frames begin: behind the answer to the upgrade. */
  #framesFrom = 0;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#chunks.push(chunk));
    // A reset is one of the ways in which a relay may end an attacker.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
    });
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** Opens a TCP connection and sends nothing, not even a TLS greeting. @param localAddress one of loopback's. */
  static async openTcp(relay: TestRelay, localAddress = "127.0.0.1"): Promise<RawSocket> {
    const socket = connectTcp({ port: relay.port, host: "127.0.0.1", localAddress });
    const raw = new RawSocket(socket);
    await once(socket, "connect");
    return raw;
  }

  /** Opens a connection, finishes the TLS handshake if the relay has TLS, and sends nothing more. */
  static async open(relay: TestRelay): Promise<RawSocket> {
    if (relay.certificate === undefined) return RawSocket.openTcp(relay);
    const socket = connectTls({
      port: relay.port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: relay.certificate,
    });
    const raw = new RawSocket(socket);
    await once(socket, "secureConnect");
    return raw;
  }

  /** Opens a connection that begins with a PROXY header, and finishes the TLS handshake behind it. */
  static async openBehind(relay: TestRelay, header: Uint8Array | string, localAddress: string): Promise<RawSocket> {
    const socket = connectTcp({ port: relay.port, host: "127.0.0.1", localAddress });
    await once(socket, "connect");
    socket.write(header);
    const tls = connectTls({ socket, servername: "localhost", ca: relay.certificate });
    const raw = new RawSocket(tls);
    await once(tls, "secureConnect");
    return raw;
  }

  /** Opens a WebSocket by hand: from here on `write` sends frames and `frames` gives the relay's. */
  static async openWebSocket(relay: TestRelay, subprotocol?: string): Promise<RawSocket> {
    const raw = await RawSocket.open(relay);
    raw.write(upgradeRequest(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]));
    await eventually(() => expect(raw.text()).toContain(END_OF_HEAD));
    expect(raw.text()).toMatch(/^HTTP\/1\.1 101 /);
    raw.#framesFrom = raw.bytes().indexOf(END_OF_HEAD) + END_OF_HEAD.length;
    return raw;
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** Writes, waits while the operating system takes no more, and lets the relay have a turn. */
  async writeAndWait(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      // A socket that is closed meanwhile forgets the callbacks of what it had not written.
      this.#socket.once("close", resolve);
      this.#socket.write(bytes, () => {
        this.#socket.removeListener("close", resolve);
        setImmediate(resolve);
      });
    });
  }

  /** Sends an object as JSON in one text frame. */
  send(message: object): void {
    this.write(encodeFrame({ payload: JSON.stringify(message) }));
  }

  /** Stops reading: what the relay sends piles up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says at the TCP level that nothing more comes (with TLS: after a close_notify). */
  end(): void {
    this.#socket.end();
  }

  /** Goes away without a word: no close frame, and no more reading. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** What has come so far. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** What has come so far, one character for each byte. */
  text(): string {
    return this.bytes().toString("latin1");
  }

  /** The whole frames that have come so far. */
  frames(): ServerFrame[] {
    return decodeFrames(this.bytes().subarray(this.#framesFrom));
  }

  /** The whole messages that have come so far, as text. */
  messages(): string[] {
    return wholeMessages(this.frames()).map(({ payload }) => payload.toString());
  }

  /** Waits for the relay's close frame and gives its code. */
  async closeCode(): Promise<number> {
    let closeFrame: ServerFrame | undefined;
    await eventually(() => {
      closeFrame = this.frames().find(({ opcode }) => opcode === Opcode.close);
      expect(closeFrame).toBeDefined();
    });
    return closeFrame?.payload.readUInt16BE(0) ?? 0;
  }

  /** Waits until the relay has ended the connection. */
  async closed(): Promise<void> {
    await eventually(() => expect(this.#isClosed).toBe(true));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }
}

/** A correct upgrade request, with more header lines if wanted. */
export function upgradeRequest(headerLines: readonly string[] = [], target = "/"): string {
  const lines = [
    `GET ${target} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
    ...headerLines,
  ];
  return `${lines.join("\r\n")}${END_OF_HEAD}`;
}

/** Sends bytes on a connection of their own and gives all that comes back until the relay ends it. */
export async function answerTo(relay: TestRelay, request: string): Promise<string> {
  const raw = await RawSocket.open(relay);
  raw.write(request);
  await raw.closed();
  return raw.text();
}

/** Writes one client frame (RFC 6455 section 5.2). */
export function encodeFrame({
  opcode = Opcode.text,
  payload = "",
  isFinal = true,
  reservedBits = 0,
  isMasked = true,
  announcedBytes,
}: FrameOptions): Buffer {
  const body = Buffer.from(payload);
  const length = announcedBytes ?? BigInt(body.length);
  const first = (isFinal ? 0x80 : 0) | (reservedBits << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  const head = lengthField(length, announcedBytes !== undefined);
  head.writeUInt8(head.readUInt8(0) | maskBit, 0);
  if (isMasked) for (const [index, byte] of body.entries()) body[index] = byte ^ (MASK[index % 4] ?? 0);
  return Buffer.concat([Buffer.of(first), head, isMasked ? MASK : Buffer.of(), body]);
}

const MASK = Buffer.of(0x37, 0xfa, 0x21, 0x3d);

/** The second byte of a header, without the mask bit, and the 2 or 8 bytes of extended length. */
function lengthField(length: bigint, isLong: boolean): Buffer {
  if (!isLong && length < 126n) return Buffer.of(Number(length));
  const field = Buffer.alloc(isLong || length > 0xffffn ? 9 : 3);
  field.writeUInt8(field.length === 9 ? 127 : 126, 0);
  if (field.length === 9) field.writeBigUInt64BE(length, 1);
  else field.writeUInt16BE(Number(length), 1);
  return field;
}

/** Reads the whole frames at the beginning of these bytes; what is left of an unfinished one is passed over. */
export function decodeFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  let rest = bytes;
  while (rest.length >= 2) {
    const short = rest.readUInt8(1) & 0x7f;
    const headBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (rest.length < headBytes) break;
    const length = short === 127 ? Number(rest.readBigUInt64BE(2)) : short === 126 ? rest.readUInt16BE(2) : short;
    if (rest.length < headBytes + length) break;
    const first = rest.readUInt8(0);
    const payload = rest.subarray(headBytes, headBytes + length);
    frames.push({ opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, payload });
    rest = rest.subarray(headBytes + length);
  }
  return frames;
}

/** The whole messages among frames: the relay may send a large one in fragments, with pings between (RFC 6455 section 5.4). */
export function wholeMessages(frames: readonly ServerFrame[]): ServerFrame[] {
  const messages: ServerFrame[] = [];
  let begun: { readonly opcode: number; readonly pieces: Buffer[] } | undefined;
  for (const { opcode, isFinal, payload } of frames) {
    if (opcode >= Opcode.close) continue;
    if ((opcode === Opcode.continuation) !== (begun !== undefined)) throw new Error("a message within another one");
    begun ??= { opcode, pieces: [] };
    begun.pieces.push(payload);
    if (!isFinal) continue;
    messages.push({ opcode: begun.opcode, isFinal, payload: Buffer.concat(begun.pieces) });
    begun = undefined;
  }
  return messages;
}
