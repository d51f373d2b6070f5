import { WebSocket } from "ws";
import type { KillTestMember, MemberHooks, MemberSetting } from "./contestant.ts";

const RECONNECT_MS = 1000;

/** What is said on one connection. */
export interface Speech {
  readonly subprotocol: string | undefined;
  /** What to say first. */
  readonly hello: string | undefined;
  /** Whether messages may be published by now. */
  readonly isReady: boolean;
  /** Takes text of the server. */
  hear(text: string): void;
  encode(message: Uint8Array): Uint8Array;
  /** @returns the message, or undefined where this is none. */
  decode(bytes: Uint8Array): Uint8Array | undefined;
}

/** A client as one writes it in an hour: it dials again after a second, and keeps what is published meanwhile. */
export class NaiveMember implements KillTestMember {
  /** Resolves when it may publish for the first time. */
  readonly ready: Promise<void>;
  readonly #setting: MemberSetting;
  readonly #hooks: MemberHooks;
  readonly #makeSpeech: () => Speech;
  readonly #unsent: Uint8Array[] = [];
  readonly #onReady: () => void;
  #socket: WebSocket | undefined;
  #speech: Speech | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(setting: MemberSetting, hooks: MemberHooks, makeSpeech: () => Speech) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#onReady = resolve;
    this.#setting = setting;
    this.#hooks = hooks;
    this.#makeSpeech = makeSpeech;
    this.#dial();
  }

  publish(bytes: Uint8Array): Promise<void> {
    const speech = this.#speech;
    if (speech?.isReady) this.#socket?.send(speech.encode(bytes));
    else this.#unsent.push(bytes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
    return Promise.resolve();
  }

  #dial(): void {
    const { port, ca } = this.#setting;
    const speech = this.#makeSpeech();
    const subprotocols = speech.subprotocol === undefined ? [] : [speech.subprotocol];
    const socket = new WebSocket(`wss://127.0.0.1:${port}`, subprotocols, { ca, perMessageDeflate: false });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("open", () => {
      this.#speech = speech;
      if (speech.hello !== undefined) socket.send(speech.hello);
      this.#sendUnsent(socket, speech);
    });
    socket.on("message", (bytes: Buffer, isBinary) => {
      if (isBinary) this.#receive(speech.decode(bytes));
      else speech.hear(bytes.toString());
      this.#sendUnsent(socket, speech);
    });
    socket.on("close", () => {
      this.#speech = undefined;
      if (!this.#isClosed) this.#timer = setTimeout(() => this.#dial(), RECONNECT_MS);
    });
  }

  #receive(message: Uint8Array | undefined): void {
    if (message !== undefined) this.#hooks.onMessage(message);
  }

  #sendUnsent(socket: WebSocket, speech: Speech): void {
    if (!speech.isReady) return;
    if (this.#unsent.length > 0) for (const bytes of this.#unsent.splice(0)) socket.send(speech.encode(bytes));
    this.#onReady();
  }
}
