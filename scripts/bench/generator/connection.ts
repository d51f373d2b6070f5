import { once } from "node:events";
import type { TcpNetConnectOpts } from "node:net";
import {
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
  type ConnectionOptions as TlsOptions,
} from "node:tls";
import { DerpScanner } from "./derp-scanner.ts";
import { FrameScanner, FrameUnwrapper, maskedFrame, Opcode } from "./frame-scanner.ts";
import { LineSplitter } from "./line-splitter.ts";
import { MqttScanner } from "./mqtt-scanner.ts";
import { NatsScanner } from "./nats-scanner.ts";
import { FixedSizeScanner, type ScanHandler, type Scanner, type ScannerOptions } from "./scanner.ts";
import { isWebSocket, type Member, maskKey, type Session } from "./sessions/session.ts";

/** One record's worth of a TLS read: Node reads no more at once. */
const READ_BYTES = 65_536;
const OPEN_TIMEOUT_MS = 10_000;
/** More than a server of JSON lines puts into one frame. */
const LINES_BYTES = 4_194_304;
/** More than an answer to a join takes that names some thousand members. */
const JOIN_BYTES = 1_048_576;

/** Takes deliveries. The bytes are good only until the call returns. */
export interface Receiver {
  /** Called before what a chunk of bytes holds is delivered. */
  onChunk(): void;
  /** A delivery, whose payload begins at `payloadAt`; in a run that does not verify, only its first bytes are there. */
  onDelivery(member: Member, bytes: Uint8Array, payloadAt: number): void;
  /** The connection cannot go on. */
  onFailure(error: Error): void;
}

/** Where the contestant is and how to talk to it. */
export type Target = {
  readonly port: number;
  readonly secureContext: SecureContext;
};

export type ConnectionOptions = {
  /** Bytes of a payload on the wire: what is of this size is a delivery. */
  readonly payloadBytes: number;
  /** How much of a message must be there when it is delivered. */
  readonly keepBytes: number;
  /** To resume. */
  readonly tlsSession?: Buffer | undefined;
};

/** TLS 1.3 with the cheapest cipher of all contestants, and their certificate alone. */
export function createTarget(port: number, certificate: string): Target {
  const secureContext = createSecureContext({
    ca: certificate,
    minVersion: "TLSv1.3",
    ciphers: "TLS_AES_128_GCM_SHA256",
    ecdhCurve: "X25519",
  });
  return { port, secureContext };
}

/** All sockets read into the same memory, each when the one before is done with it. */
const readBuffer = Buffer.alloc(READ_BYTES);

/** One member's connection: TLS, the upgrade, the join; then deliveries come in and publications go out. */
export class Connection implements ScanHandler {
  readonly member: Member;
  readonly session: Session;
  readonly socket: TLSSocket;
  /** The ticket to resume with, when one came. */
  tlsSession: Buffer | undefined;
  readonly #receiver: Receiver;
  readonly #deliveryBytes: number;
  readonly #prefixBytes: number;
  readonly #scanner: Scanner;
  readonly #scannerOptions: { keepBytes: number };
  readonly #keepBytes: number;
  #answer: Buffer | undefined;
  #onProgress: (() => void) | undefined;
  #failure: Error | undefined;
  #isClosing = false;

  constructor(target: Target, member: Member, session: Session, receiver: Receiver, options: ConnectionOptions) {
    this.member = member;
    this.session = session;
    this.#receiver = receiver;
    this.#prefixBytes = session.prefixBytes;
    this.#deliveryBytes = session.prefixBytes + options.payloadBytes + session.suffixBytes;
    this.#keepBytes = options.keepBytes;
    this.#scannerOptions = { keepBytes: Math.max(options.keepBytes, JOIN_BYTES) };
    this.#scanner = createScanner(this, session, this.#deliveryBytes, this.#scannerOptions);
    this.#answer = session.path === undefined ? undefined : Buffer.alloc(0);
    // One buffer and no stream machinery: half the CPU of a `data` listener, so that the generator is not what is measured.
    const onread = { buffer: readBuffer, callback: (byteCount: number) => this.#read(byteCount) };
    const tlsOptions: TlsOptions & Pick<TcpNetConnectOpts, "onread"> = {
      host: "127.0.0.1",
      port: target.port,
      servername: "localhost",
      secureContext: target.secureContext,
      session: options.tlsSession,
      onread,
    };
    this.socket = connect(tlsOptions);
    this.socket.setNoDelay(true);
    this.socket.on("session", (ticket) => (this.tlsSession = ticket));
    this.socket.on("error", (error) => this.#fail(error));
    this.socket.on("close", () => this.#fail(new Error(`${member.peerId} was closed by the server`)));
  }

  /** Resolves when the relay has confirmed the join. */
  async open(): Promise<void> {
    const signal = AbortSignal.timeout(OPEN_TIMEOUT_MS);
    await once(this.socket, "secureConnect", { signal });
    if (this.session.path !== undefined) {
      this.socket.write(upgradeRequest(this.session.path, this.session));
      await this.#until(() => this.#answer === undefined, signal);
    }
    const hello = this.session.hello();
    if (hello !== undefined) this.socket.write(hello);
    await this.#until(() => this.session.isJoined, signal);
    this.#scannerOptions.keepBytes = this.#keepBytes;
  }

  /** Closes without waiting. */
  close(): void {
    this.#isClosing = true;
    if (isWebSocket(this.session)) {
      const normalClosure = Buffer.from([0x03, 0xe8]);
      this.socket.write(maskedFrame(Opcode.close, normalClosure, maskKey(this.member)).bytes);
    }
    this.socket.end();
  }

  /** Closes, and resolves when it is closed, however the server takes it. */
  async closed(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
    this.close();
    await closed;
  }

  onMessage(bytes: Uint8Array, start: number, byteCount: number): void {
    if (byteCount === this.#deliveryBytes) {
      this.#receiver.onDelivery(this.member, bytes, start + this.#prefixBytes);
    } else {
      this.#hear("message", bytes, start, byteCount);
    }
  }

  onControl(kind: number, bytes: Uint8Array, start: number, byteCount: number): void {
    const isOverWebSocket = isWebSocket(this.session);
    if (isOverWebSocket && kind === Opcode.close) {
      const frame = Buffer.from(bytes.slice(start, start + byteCount));
      this.#fail(new Error(`${this.member.peerId} was closed: ${frame.toString("latin1")}`));
      return;
    }
    if (isOverWebSocket && kind === Opcode.ping) {
      // RFC 6455 section 5.5.3: with its payload. A relay may have several under way, and tell by them what was read.
      const payload = bytes.subarray(start, start + byteCount);
      this.socket.write(maskedFrame(Opcode.pong, payload, maskKey(this.member)).bytes);
      return;
    }
    this.#hear(kind, bytes, start, byteCount);
  }

  #read(byteCount: number): boolean {
    if (this.#isClosing) return true;
    try {
      if (this.#answer === undefined) {
        this.#receiver.onChunk();
        this.#scanner.push(readBuffer, 0, byteCount);
      } else {
        this.#readAnswer(Buffer.concat([this.#answer, readBuffer.subarray(0, byteCount)]));
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    return true;
  }

  #readAnswer(answer: Buffer): void {
    const end = answer.indexOf("\r\n\r\n");
    if (end < 0) {
      this.#answer = answer;
      return;
    }
    if (!answer.toString("latin1", 0, end).startsWith("HTTP/1.1 101 ")) {
      throw new Error(`upgrade refused: ${answer.toString("latin1", 0, 200)}`);
    }
    this.#answer = undefined;
    this.#onProgress?.();
    this.#scanner.push(answer, end + 4, answer.length);
  }

  #hear(kind: number | "message", bytes: Uint8Array, start: number, byteCount: number): void {
    const heard = Buffer.from(bytes.slice(start, Math.min(bytes.length, start + byteCount)));
    const answer = this.session.hear(kind, heard);
    if (answer !== undefined) this.socket.write(answer);
    this.#onProgress?.();
  }

  async #until(isReached: () => boolean, signal: AbortSignal): Promise<void> {
    while (!isReached()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (signal.aborted) throw new Error(`${this.member.peerId}: no join in ${OPEN_TIMEOUT_MS} ms`);
      await new Promise<void>((resolve) => {
        this.#onProgress = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  #fail(error: Error): void {
    if (this.#isClosing || this.#failure !== undefined) return;
    this.#failure = error;
    this.#onProgress?.();
    this.#receiver.onFailure(error);
  }
}

function createScanner(
  handler: ScanHandler,
  session: Session,
  deliveryBytes: number,
  options: ScannerOptions,
): Scanner {
  switch (session.framing) {
    case "frames":
      return new FrameScanner(handler, options);
    case "lines-in-frames":
      return new FrameScanner(new LineSplitter(handler), { keepBytes: LINES_BYTES });
    case "derp":
      return new DerpScanner(handler, options);
    case "nats-in-frames":
      return new FrameUnwrapper(new NatsScanner(handler, options), handler);
    case "mqtt":
      return new MqttScanner(handler, options);
    case "pipe":
      return new FixedSizeScanner(handler, deliveryBytes, options);
  }
}

function upgradeRequest(path: string, { subprotocol, upgrade }: Session): string {
  const protocolLine = subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  const webSocketLines = `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocolLine}`;
  return (
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${upgrade ?? "websocket"}\r\n` +
    `${upgrade === undefined ? webSocketLines : ""}\r\n`
  );
}
