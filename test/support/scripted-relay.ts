import type { Dial, Socket, SocketEnd, SocketEvents } from "../../client/line/socket.ts";
import { decodeV1ClientMessage, type V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { encodeV1RelayMessage, type V1RelayMessage } from "../../protocol/v1-relay-messages.ts";

type Joined = Extract<V1RelayMessage, { type: "joined" }>;
type Sent = V1ClientMessage | Uint8Array;

/** A socket whose other end the test plays: nothing happens by itself. */
export class ScriptedSocket implements Socket {
  readonly sent: Sent[] = [];
  readonly #events: SocketEvents;
  bufferedBytes = 0;
  /** What is sent stays in the buffer. */
  isStuck = false;
  isOver = false;
  closedWith: string | undefined;

  constructor(events: SocketEvents) {
    this.#events = events;
  }

  send(message: string | Uint8Array): void {
    if (this.isOver) return;
    if (this.isStuck) this.bufferedBytes += message.length;
    if (typeof message !== "string") this.sent.push(message);
    else {
      const decoded = decodeV1ClientMessage(message);
      if (decoded.type === "invalid") throw new Error(`the client said ${message}`);
      this.sent.push(decoded);
    }
  }

  close(reason: string): void {
    this.closedWith ??= reason;
    this.end({ code: 1000, reason });
  }

  open(): void {
    this.#events.onOpen();
  }

  say(message: V1RelayMessage | string): void {
    if (!this.isOver) this.#events.onText(typeof message === "string" ? message : encodeV1RelayMessage(message));
  }

  sayBytes(bytes: Uint8Array): void {
    if (!this.isOver) this.#events.onBytes(bytes);
  }

  seeBytes(): void {
    this.#events.onBytesSeen?.();
  }

  /** All that waits leaves, and the runtime says so. */
  drain(): void {
    this.bufferedBytes = 0;
    this.#events.onDrained?.();
  }

  end(end: Partial<SocketEnd> = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#events.onEnd({ code: undefined, reason: "", ...end });
  }

  /** What was sent of this type. */
  of<Type extends V1ClientMessage["type"]>(type: Type): Extract<V1ClientMessage, { type: Type }>[] {
    return this.sent.filter(
      (sent): sent is Extract<V1ClientMessage, { type: Type }> => "type" in sent && sent.type === type,
    );
  }

  /** The binary frames. */
  get frames(): Uint8Array[] {
    return this.sent.filter((sent) => sent instanceof Uint8Array);
  }

  /** Answers the last ping. */
  pong(): void {
    this.say({ type: "pong", ref: this.of("ping").at(-1)?.ref });
  }

  /** Answers the last join. */
  joined(fields: Partial<Joined> = {}): void {
    const { topic = "t", peerId = "self", ref } = this.of("join").at(-1) ?? {};
    this.say({
      type: "joined",
      topic,
      topicHandle: 7,
      peerId,
      peerHandle: 100,
      members: [],
      limits: { maxFrameBytes: 4_194_304, maxTopicsPerConnection: 100, maxPayloadBytes: 1_000_000 },
      memberCount: 1,
      more: false,
      takeover: "secret",
      pingIntervalMs: 25_000,
      features: ["congestion", "lists", "ping", "presence", "takeover"],
      ref,
      ...fields,
    });
  }

  /** Refuses the last join. */
  refuse(code: string): void {
    this.say({ type: "error", code, payload: "No", ref: this.of("join").at(-1)?.ref });
  }
}

/** Takes dials, and keeps the sockets. */
export class ScriptedRelay {
  readonly sockets: ScriptedSocket[] = [];
  readonly dial: Dial = (_address, events) => {
    const socket = new ScriptedSocket(events);
    this.sockets.push(socket);
    return socket;
  };

  /** The last socket that was dialled. */
  get last(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nothing was dialled");
    return socket;
  }
}
