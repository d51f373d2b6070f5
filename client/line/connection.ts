import { type BinaryRelayData, decodeBinaryRelayData } from "../../protocol/v1-binary.ts";
import type { V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage, type V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import type { Clock, Timer } from "../clock.ts";
import type { PosternErrorCode } from "../errors.ts";
import { type Ending, endingOf, givenUp, type LastWord } from "./ending.ts";
import { Liveness } from "./liveness.ts";
import type { Dial, Socket } from "./socket.ts";

/** Above it nothing more is sent until it has left: what waits here cannot be taken back. */
const MAX_BUFFERED_BYTES = 262_144;
/** No event tells that a browser's buffer has room again. */
const ROOM_LOOK_MS = 15;
/** A relay that restarts refuses messages 250 ms before its close. */
const LAST_MS = 300;
/** A relay that has said when it closes, and does not, is left. */
const OVERDUE_MS = 3000;
const MAX_CLOSES_IN_MS = 600_000;
const MAX_RECONNECT_WITHIN_MS = 60_000;
/** The first answer may take as long as a relay needs to check a token by a key that it has to fetch. */
const FIRST_WORD_MS = 11_000;
/** As long as a relay may ask whether the owner of a name is there, and a little more. */
const ASKING_MS = 45_000;
/** So many messages that cannot be are put up with. */
const MAX_FAULTS = 8;
/** No message of a relay is longer, however large its frames may be. */
const MAX_TEXT_CHARACTERS = 71_303_168;

const NO_MESSAGE = { type: "invalid", field: "type" } as const;

/** The answer to a join. */
export type Joined = Extract<V1RelayMessage, { type: "joined" }>;
/** What the relay says of one topic. */
export type TopicMessage = Extract<V1RelayMessage, { topic: string }> & {
  type: Exclude<V1RelayMessage["type"], "error">;
};
/** What one topic asks. */
export type TopicQuestion = Extract<V1ClientMessage, { type: "join" | "members" | "leave" }>;

/** A topic on a connection: what its messages are given to. */
export interface TopicHandler {
  /** @returns false: no relay says that now. */
  receive(message: TopicMessage, isAnswer: boolean): boolean;
  receiveData(data: BinaryRelayData): boolean;
  /** A question was refused, with this code. */
  refused(error: LastWord, question: TopicQuestion["type"]): void;
  omitted(peerHandle: number, count: number, sizeBytes: number): void;
  /** There is room in the socket again. */
  writable(): void;
}

/** How a connection is made. */
export type ConnectionOptions = {
  readonly address: string;
  readonly token: string | undefined;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** Whether a relay was once reached at this address. */
  readonly hasBeenUp: boolean;
};

/** What a connection tells. */
export type ConnectionEvents = {
  /** Questions may be asked. */
  readonly onOpen: () => void;
  /** The relay has answered. */
  readonly onUp: () => void;
  readonly onAuthorized: (expiresAtMs: number | undefined) => void;
  /** A renewal was refused; what was granted before stays. */
  readonly onKept: (reason: string | undefined) => void;
  readonly onJoined: (joined: Joined) => void;
  readonly onEnd: (ending: Ending) => void;
};

/** One WebSocket to the relay, from the dial to its end. */
export class Connection {
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  readonly #options: ConnectionOptions;
  readonly #liveness: Liveness;
  readonly #socket: Socket;
  readonly #topics = new Map<string, TopicHandler>();
  readonly #handles = new Map<number, TopicHandler>();
  readonly #asked = new Map<number, { readonly handler: TopicHandler; readonly type: TopicQuestion["type"] }>();
  #timer: Timer | undefined;
  #roomTimer: Timer | undefined;
  #openedMs: number | undefined;
  #stage: "dialling" | "open" | "up" | "over" = "dialling";
  #wasUp = false;
  #lastWord: LastWord | undefined;
  #restart: { readonly closesMs: number; readonly reconnectWithinMs: number } | undefined;
  #refCount = 0;
  #pingRef = 0;
  #sentBytes = 0;
  #faultCount = 0;

  constructor(
    parts: { readonly clock: Clock; readonly dial: Dial },
    options: ConnectionOptions,
    events: ConnectionEvents,
  ) {
    this.#clock = parts.clock;
    this.#events = events;
    this.#options = options;
    this.#liveness = this.#watch(options.pingIntervalMs);
    this.#timer = parts.clock.after(options.connectTimeoutMs, () =>
      this.abandon("unreachable", `no answer in ${options.connectTimeoutMs} ms`),
    );
    this.#socket = parts.dial(options.address, {
      onOpen: () => this.#opened(),
      onBytesSeen: () => this.#liveness.heard(),
      onText: (text) => this.#receive(text),
      onBytes: (bytes) => this.#receiveBinary(bytes),
      onEnd: (end) => this.#end(endingOf(end, this.#lastWord, options.hasBeenUp)),
    });
  }

  /** How long it has been open. */
  get lastedMs(): number {
    return this.#openedMs === undefined ? 0 : this.#clock.monotonicMs() - this.#openedMs;
  }

  /** Whether the relay has answered on it, also after its end. */
  get wasUp(): boolean {
    return this.#wasUp;
  }

  get isOpen(): boolean {
    return this.#stage === "open" || this.#stage === "up";
  }

  get liveness(): Liveness {
    return this.#liveness;
  }

  /** Within what random time to come back after a planned stop; undefined without one. */
  get reconnectWithinMs(): number | undefined {
    return this.#restart?.reconnectWithinMs;
  }

  /** There is room, and what is sent now is not refused because the relay stops. */
  get isWritable(): boolean {
    if (!this.isOpen || this.#socket.bufferedBytes >= MAX_BUFFERED_BYTES) return false;
    return this.#restart === undefined || this.#restart.closesMs - this.#clock.monotonicMs() > LAST_MS;
  }

  /** Asks something of a topic; the answer, or the refusal, comes to its handler. A handler that asks takes the topic over. */
  ask(handler: TopicHandler, question: TopicQuestion): void {
    const ref = this.#nextRef();
    this.#asked.set(ref, { handler, type: question.type });
    if (question.type === "join") this.#topics.set(question.topic, handler);
    this.#liveness.expect();
    this.#say({ ...question, ref });
  }

  /** Binary data that bears this number comes to this handler. @returns false: it is another one's. */
  bind(topicHandle: number, handler: TopicHandler): boolean {
    if ((this.#handles.get(topicHandle) ?? handler) !== handler) return false;
    this.#handles.set(topicHandle, handler);
    return true;
  }

  /** Nothing of this topic follows. */
  release(topic: string, topicHandle: number, handler: TopicHandler): void {
    if (this.#topics.get(topic) === handler) this.#topics.delete(topic);
    if (this.#handles.get(topicHandle) === handler) this.#handles.delete(topicHandle);
  }

  /** Sends a binary frame, which is the connection's from now on. */
  sendData(frame: Uint8Array): void {
    this.#liveness.expect();
    this.#send(frame, frame.length);
    if (this.#socket.bufferedBytes >= MAX_BUFFERED_BYTES) this.#awaitRoom();
  }

  /** Presents a token, the first one or a newer one. */
  authorize(token: string): void {
    this.#say({ type: "auth", token, ref: this.#nextRef() });
  }

  /** Ends at once: this client wants it so. */
  close(reason: string): void {
    this.#finish();
    this.#socket.close(reason);
  }

  /** Ends it as one that is of no use. */
  abandon(code: PosternErrorCode, cause: string): void {
    this.#end(givenUp(code, cause));
    this.#socket.close("");
  }

  #watch(pingIntervalMs: number): Liveness {
    const parts = {
      clock: this.#clock,
      ping: () => {
        this.#pingRef = this.#nextRef();
        if (this.isOpen) this.#say({ type: "ping", ref: this.#pingRef });
      },
      onDead: () => this.abandon("unreachable", "the line is dead: nothing came behind a ping"),
      waitingBytes: () => this.#socket.bufferedBytes,
      leftBytes: () => this.#sentBytes - this.#socket.bufferedBytes,
      heldMs: () => (this.#stage === "up" ? (this.#asked.size > 0 ? ASKING_MS : 0) : FIRST_WORD_MS),
    };
    return new Liveness(parts, pingIntervalMs);
  }

  #opened(): void {
    this.#timer?.cancel();
    this.#openedMs = this.#clock.monotonicMs();
    this.#stage = "open";
    if (this.#options.token !== undefined) this.authorize(this.#options.token);
    // Before the joins, behind which a relay may have to wait: its pong says that the line is good.
    this.#liveness.check();
    this.#events.onOpen();
  }

  #receive(text: string): void {
    if (this.#stage === "over") return;
    this.#liveness.heard();
    const message = text.length > MAX_TEXT_CHARACTERS ? NO_MESSAGE : decodeV1RelayMessage(text);
    if (message.type !== "invalid" && !(message.type === "error" && message.requestId !== undefined)) this.#up();
    switch (message.type) {
      case "unknown":
      case "offer":
      case "answer":
      case "candidate":
        return;
      case "invalid":
        this.#fault();
        return;
      case "pong":
        if (message.ref === this.#pingRef) this.#liveness.answered();
        return;
      case "authorized":
        this.#events.onAuthorized(message.expiresAtMs);
        return;
      case "error":
        this.#refused(message);
        return;
      case "restarting":
        this.#restarting(message.reconnectWithinMs, message.closesInMs ?? 0);
        return;
      default:
        this.#receiveOfTopic(message);
    }
  }

  /** The relay has answered: whatever it says, it is one. */
  #up(): void {
    if (this.#stage !== "open") return;
    this.#stage = "up";
    this.#wasUp = true;
    this.#events.onUp();
  }

  #receiveOfTopic(message: TopicMessage): void {
    const ref = "ref" in message ? message.ref : undefined;
    const asked = ref === undefined ? undefined : this.#asked.get(ref);
    if (ref !== undefined) this.#asked.delete(ref);
    const handler = asked?.handler ?? this.#topics.get(message.topic);
    if (message.type === "joined") this.#events.onJoined(message);
    if (message.type === "congested") this.#liveness.congested();
    // Of a topic that was left, some may still wait at the relay.
    if (handler === undefined && (message.type === "congested" || message.type === "relieved")) return;
    if (handler?.receive(message, asked !== undefined) !== true) this.#fault();
  }

  #receiveBinary(bytes: Uint8Array): void {
    if (this.#stage === "over") return;
    this.#liveness.heard();
    const data = decodeBinaryRelayData(bytes);
    if (data.type === "unknown") return;
    const handler = data.type === "invalid" ? undefined : this.#handles.get(data.topicHandle);
    if (data.type === "invalid" || handler?.receiveData(data) !== true) this.#fault();
  }

  #refused(error: LastWord): void {
    if (error.requestId !== undefined) this.#lastWord = error;
    const { ref, code, topic, peerHandle } = error;
    const asked = ref === undefined ? undefined : this.#asked.get(ref);
    if (ref !== undefined) this.#asked.delete(ref);
    if (asked !== undefined) asked.handler.refused(error, asked.type);
    // A relay that does not know the message ping answers it all the same.
    else if (ref === this.#pingRef) this.#liveness.answered();
    else if (code === "unauthorized" && error.requestId === undefined) this.#events.onKept(error.reason);
    else if (code === "omitted" && topic !== undefined && peerHandle !== undefined) {
      this.#topics.get(topic)?.omitted(peerHandle, error.count ?? 1, error.sizeBytes ?? 0);
    }
  }

  #restarting(reconnectWithinMs: number, closesInMs: number): void {
    const inMs = Math.min(closesInMs, MAX_CLOSES_IN_MS);
    this.#restart = {
      closesMs: this.#clock.monotonicMs() + inMs,
      reconnectWithinMs: Math.min(reconnectWithinMs, MAX_RECONNECT_WITHIN_MS),
    };
    this.#timer?.cancel();
    this.#timer = this.#clock.after(inMs + OVERDUE_MS, () =>
      this.abandon("unreachable", "the relay restarts, and has not closed as it said"),
    );
  }

  /** Something has come that no relay says. A few are put up with. */
  #fault(): void {
    this.#faultCount += 1;
    if (this.#faultCount > MAX_FAULTS) this.abandon("protocol-error", "it says what no relay says");
  }

  #awaitRoom(): void {
    this.#roomTimer ??= this.#clock.after(ROOM_LOOK_MS, () => {
      this.#roomTimer = undefined;
      if (this.#socket.bufferedBytes >= MAX_BUFFERED_BYTES) this.#awaitRoom();
      else for (const handler of this.#topics.values()) handler.writable();
    });
  }

  #nextRef(): number {
    this.#refCount = (this.#refCount + 1) % 2 ** 32;
    return this.#refCount;
  }

  /** As `encodeV1ClientMessage` writes it: the messages above have their fields in its order, and no others. */
  #say(message: V1ClientMessage): void {
    const text = JSON.stringify(message);
    this.#send(text, text.length);
  }

  #send(message: string | Uint8Array, byteCount: number): void {
    if (!this.isOpen) return;
    this.#sentBytes += byteCount;
    this.#socket.send(message);
  }

  #end(ending: Ending): void {
    if (this.#stage === "over") return;
    this.#finish();
    this.#events.onEnd(ending);
  }

  #finish(): void {
    this.#stage = "over";
    this.#liveness.stop();
    this.#timer?.cancel();
    this.#roomTimer?.cancel();
  }
}
