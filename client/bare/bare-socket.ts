import { createHash, randomBytes, randomFill } from "bare-crypto";
import type { Duplex } from "bare-stream";
import { Socket as TcpSocket } from "bare-tcp";
import { Socket as TlsSocket } from "bare-tls";
import type { Clock, Timer } from "../clock.ts";
import type { Dial, Socket, SocketEnd, SocketEvents } from "../line/socket.ts";
import { BinaryFrames, WHOLE } from "../node/binary-frames.ts";
import { FrameError, FrameReader } from "./frame-reader.ts";
import { UpgradeAnswer, upgradeRequest } from "./upgrade.ts";

/** How long the answer to the upgrade may take, and the rest of a refusal. */
const HTTP_TIMEOUT_MS = 10_000;
const BODY_TIMEOUT_MS = 2000;
/** How long the closing handshake may take before the connection is cut. */
const CLOSE_TIMEOUT_MS = 2000;
const MAX_REASON_BYTES = 123;
/** RFC 6455 section 1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What a socket is made of. @property ca PEM, in place of the roots that bare-tls has; undefined: those. */
export type BareDialParts = { readonly clock: Clock; readonly ca: Uint8Array | undefined };

/**
 * Dials with a WebSocket of its own over bare-tcp and bare-tls: the one of bare-ws takes no subprotocol where the browser's takes it, and never
 * tells how much waits to be sent. All that comes is read at once and given on, so that nothing waits in memory below the client's own bounds.
 */
export function bareDial(parts: BareDialParts): Dial {
  return (address, events) => new BareSocket(address, events, parts);
}

class BareSocket implements Socket {
  readonly #events: SocketEvents;
  readonly #parts: BareDialParts;
  readonly #frames: BinaryFrames;
  readonly #reader: FrameReader;
  #stream: Duplex | undefined;
  #answer: UpgradeAnswer | undefined;
  #timer: Timer | undefined;
  #isConnected = false;
  #isOpen = false;
  #isOver = false;
  #unsentBytes = 0;

  constructor(address: string, events: SocketEvents, parts: BareDialParts) {
    this.#events = events;
    this.#parts = parts;
    const write = (bytes: Uint8Array): boolean => this.#write(bytes);
    this.#frames = new BinaryFrames({ stream: { write, cork: nothing, uncork: nothing }, fill: randomFill });
    this.#reader = new FrameReader({
      onText: (text) => !this.#isOver && events.onText(text),
      onBytes: (bytes) => !this.#isOver && events.onBytes(bytes),
      onPing: (bytes) => !this.#isOver && this.#frames.write(bytes, 0, WHOLE.pong),
      onClose: (code, reason) => this.#closed(code, reason),
    });
    // A failure comes after this has returned.
    queueMicrotask(() => this.#dial(new URL(address)));
  }

  get bufferedBytes(): number {
    return this.#unsentBytes;
  }

  send(message: string | Uint8Array<ArrayBuffer>, roomBytes = 0): void {
    if (!this.#isOpen || this.#isOver) return;
    if (typeof message === "string") this.#frames.write(new Uint8Array(Buffer.from(message)), 0, WHOLE.text);
    else this.#frames.write(message, roomBytes);
  }

  close(reason: string): void {
    const wasOpen = this.#isOpen && !this.#isOver;
    this.#end({ code: 1000, reason });
    if (wasOpen) this.#shut(1000, reason);
    else this.#stream?.destroy();
  }

  #dial(url: URL): void {
    if (this.#isOver) return;
    try {
      const stream = this.#connected(url);
      this.#stream = stream;
      // The one of bare-tls tells of the connection when TLS is through.
      stream.on("connect", () => this.#upgrade(url));
      stream.on("data", (bytes: Uint8Array) => this.#received(bytes));
      stream.on("error", (cause) => this.#fail(cause));
      stream.on("end", () => this.#ended());
      stream.on("close", () => this.#ended());
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #connected({ hostname, port, protocol }: URL): Duplex {
    const isTls = protocol === "wss:";
    const host = hostname.replace(/^\[|\]$/g, "");
    const transport = new TcpSocket();
    // It is told by `close` too, and by bare-tls.
    transport.on("error", nothing);
    transport.setNoDelay(true);
    transport.connect(port === "" ? (isTls ? 443 : 80) : Number(port), host);
    if (!isTls) {
      transport.on("error", (cause) => this.#fail(cause));
      return transport;
    }
    const { ca } = this.#parts;
    return new TlsSocket(transport, { host, alpnProtocols: ["http/1.1"], ...(ca === undefined ? {} : { ca }) });
  }

  #upgrade(url: URL): void {
    if (this.#isOver) return;
    this.#isConnected = true;
    const key = randomBytes(16).toString("base64");
    this.#answer = new UpgradeAnswer(acceptOf(key));
    this.#limit(HTTP_TIMEOUT_MS, () => this.#fail(new Error("the relay does not answer the upgrade")));
    this.#write(Buffer.from(upgradeRequest(url, key)));
  }

  #received(bytes: Uint8Array): void {
    try {
      if (this.#isOpen) this.#read(bytes);
      else if (!this.#isOver && this.#answer !== undefined) this.#heard(this.#answer, bytes);
    } catch (cause) {
      if (cause instanceof FrameError && !this.#isOver) this.#shut(cause.closeCode, "");
      this.#fail(cause);
    }
  }

  #read(bytes: Uint8Array): void {
    if (!this.#isOver) this.#events.onBytesSeen?.();
    this.#reader.push(bytes);
  }

  #heard(answer: UpgradeAnswer, bytes: Uint8Array): void {
    const heard = answer.push(bytes);
    if (heard === "more") return;
    if (heard === "refused") {
      if (answer.hasBody) this.#refused(answer);
      else this.#limit(BODY_TIMEOUT_MS, () => this.#refused(answer));
      return;
    }
    this.#timer?.cancel();
    this.#isOpen = true;
    this.#events.onOpen();
    if (heard.length > 0) this.#read(heard);
  }

  #refused(answer: UpgradeAnswer): void {
    const { refusal, text } = answer.refusal();
    this.#end({ code: undefined, reason: "", cause: new Error(text), refusal });
    this.#stream?.destroy();
  }

  /** The relay has closed. */
  #closed(code: number | undefined, reason: string): void {
    if (this.#isOver) this.#stream?.destroy();
    else {
      this.#shut(code ?? 1000, "");
      this.#end({ code, reason });
    }
  }

  /** The connection has ended, with a word or without. */
  #ended(): void {
    if (this.#isOpen || this.#answer?.isRefused !== true) this.#fail(undefined);
    else this.#refused(this.#answer);
  }

  /** Says that it closes, and cuts the connection when the relay has had time to answer. */
  #shut(code: number, reason: string): void {
    const text = Buffer.from(reason).subarray(0, MAX_REASON_BYTES);
    this.#frames.write(new Uint8Array([code >> 8, code & 0xff, ...text]), 0, WHOLE.close);
    this.#stream?.end();
    this.#parts.clock.after(CLOSE_TIMEOUT_MS, () => this.#stream?.destroy());
  }

  #write(bytes: Uint8Array): boolean {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return false;
    this.#unsentBytes += bytes.length;
    return stream.write(bytes, () => {
      this.#unsentBytes -= bytes.length;
      if (this.#unsentBytes === 0 && !this.#isOver) this.#events.onDrained?.();
    });
  }

  #limit(delayMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(delayMs, task);
  }

  #fail(cause: unknown): void {
    this.#end({ code: undefined, reason: "", cause, isUnreached: !this.#isConnected });
    if (!(cause instanceof FrameError)) this.#stream?.destroy();
  }

  #end(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#events.onEnd(end);
  }
}

/** RFC 6455 section 4.2.2. */
function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
}

function nothing(): void {}
