import { decodeBinaryRelayData } from "../../protocol/v1-binary.ts";
import type { V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import type { Clock, Timer } from "../clock.ts";
import type { PosternErrorCode } from "../errors.ts";
import type { EventsOf } from "./connection-events.ts";
import type { ConnectionOptions, ConnectionParts, Proof } from "./connection-options.ts";
import { type Ending, endingOf, givenUp, type LastWord, refused } from "./ending.ts";
import type { Headed } from "./headed.ts";
import { Liveness, type Watched } from "./liveness.ts";
import type { Judge, Socket } from "./socket.ts";
import { Renewal } from "./token.ts";
import type { Joined, TopicHandler, TopicMessage, TopicQuestion } from "./topic-handler.ts";
import type { Transport } from "./transport.ts";

/** Above it nothing more is sent until it has left: what waits here cannot be taken back. */
const MAX_BUFFERED_BYTES = 262_144;
/** No event tells that a browser's buffer has room again: at this pace 60 MB/s may leave. */
const ROOM_LOOK_MS = 4;
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
/** Larger than a record of TLS. */
const PROOF_BYTES = 20_480;
/** So many messages that cannot be are put up with. */
const MAX_FAULTS = 8;
/** No message of a relay is longer, however large its frames may be. */
const MAX_TEXT_CHARACTERS = 71_303_168;

const NO_MESSAGE = { type: "invalid", field: "type" } as const;

/** What it tells. */
export type ConnectionEvents = EventsOf<Connection>;

type Asked = { readonly handler: TopicHandler; readonly type: TopicQuestion["type"] };

/** One connection to the relay, from the dial to its end. */
export class Connection implements Watched {
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  readonly #options: ConnectionOptions;
  readonly #liveness: Liveness;
  readonly #renewal: Renewal;
  readonly #socket: Socket;
  /** Undefined: nobody can judge the certificate, or it is judged. */
  #judge: Judge | undefined;
  readonly #topics = new Map<string, TopicHandler>();
  readonly #handles = new Map<number, TopicHandler>();
  readonly #asked = new Map<number, Asked>();
  #timer: Timer | undefined;
  #roomTimer: Timer | undefined;
  #openedMs = Number.POSITIVE_INFINITY;
  #stage: "dialling" | "open" | "over" = "dialling";
  #wasUp = false;
  #lastWord: LastWord | undefined;
  /** When the relay closes it, as it has said. */
  #closesMs = Number.POSITIVE_INFINITY;
  #reconnectWithinMs: number | undefined;
  #refCount = 0;
  #pingRef = 0;
  #proof: { readonly ref: number; readonly onProved: (by: Proof) => void } | undefined;
  #sentBytes = 0;
  #faultCount = 0;

  constructor(parts: ConnectionParts, options: ConnectionOptions, events: ConnectionEvents) {
    this.#clock = parts.clock;
    this.#judge = parts.judge;
    this.#events = events;
    this.#options = options;
    this.#renewal = new Renewal({
      ...parts,
      source: options.token,
      present: (token) => this.#authorize(token),
      onError: (error) => events.onError(error),
    });
    this.#liveness = new Liveness(parts.clock, this, options.pingIntervalMs);
    this.#abandonAfter(options.connectTimeoutMs, `no answer in ${options.connectTimeoutMs} ms`);
    this.#socket = parts.dial(options.address, {
      onOpen: () => this.#opened(),
      onBytesSeen: () => this.#liveness.heard(),
      onDrained: () => this.#lookForRoom(),
      onText: (text) => this.#receive(text),
      onBytes: (bytes) => this.#receiveBinary(bytes),
      onEnd: (end) => this.#end(endingOf(end, this.#lastWord, options.hasBeenUp)),
    });
  }

  /** How long it has been open; negative where it was never. */
  get lastedMs(): number {
    return this.#clock.monotonicMs() - this.#openedMs;
  }

  /** Whether the relay has answered on it, also after its end. */
  get wasUp(): boolean {
    return this.#wasUp;
  }

  get transport(): Transport {
    return this.#options.transport;
  }

  get isOpen(): boolean {
    return this.#stage === "open";
  }

  get liveness(): Liveness {
    return this.#liveness;
  }

  /** Within what random time to come back after a planned stop; undefined without one. */
  get reconnectWithinMs(): number | undefined {
    return this.#reconnectWithinMs;
  }

  get #isFull(): boolean {
    return this.waitingBytes >= MAX_BUFFERED_BYTES;
  }

  /** There is room, and what is sent now is not refused because the relay stops. */
  get isWritable(): boolean {
    return this.isOpen && !this.#isFull && this.#closesMs - this.#clock.monotonicMs() > LAST_MS;
  }

  /** Asks something of a topic; the answer, or the refusal, comes to its handler. A handler that asks takes the topic over. */
  ask(handler: TopicHandler, question: TopicQuestion): void {
    const { type, topic } = question;
    if (type === "join") this.#topics.set(topic, handler);
    const ref = this.tell(type === "join" && this.#judge !== undefined ? { ...question, attest: true } : question);
    this.#asked.set(ref, { handler, type });
  }

  /** Says something that may have an answer. @returns its number, which the answer or the refusal has too */
  tell(message: TopicQuestion | Extract<V1ClientMessage, { mailbox: string }>): number {
    const ref = this.#nextRef();
    this.#liveness.expect();
    this.#say({ ...message, ref });
    return ref;
  }

  /** Says what this client shows of itself in a topic. It is not answered. */
  show(topic: string, presence: string): void {
    this.#say({ type: "presence", topic, presence });
    if (this.#isFull) this.#awaitRoom();
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

  /** Sends a binary frame, which is the connection's from now on, with the room before it. */
  sendData({ bytes, roomBytes }: Headed): void {
    this.#liveness.expect();
    this.#send(bytes, bytes.length, roomBytes);
    if (this.#isFull) this.#awaitRoom();
  }

  /** Gets another token and presents it. @returns whether there may be another one. */
  renewToken(onPresented: () => void): boolean {
    return this.#renewal.now(onPresented);
  }

  /** Ends at once: this client wants it so. */
  close(reason: string): void {
    this.#finish();
    this.#socket.close(reason);
  }

  get waitingBytes(): number {
    return this.#socket.bufferedBytes;
  }

  get leftBytes(): number {
    return this.#sentBytes - this.waitingBytes;
  }

  get heldMs(): number {
    if (!this.#wasUp) return FIRST_WORD_MS;
    return this.#asked.size > 0 ? ASKING_MS : 0;
  }

  ping(): void {
    this.#pingRef = this.#nextRef();
    this.#say({ type: "ping", ref: this.#pingRef });
  }

  /** Says something large, and asks for as much: some proxies let only little things through. @param onProved called once. */
  prove(onProved: (by: Proof) => void): void {
    this.#proof = { ref: this.#nextRef(), onProved };
    this.#say({ type: "ping", pad: "-".repeat(PROOF_BYTES), ref: this.#proof.ref });
  }

  onDead(): void {
    this.abandon("unreachable", "the line is dead");
  }

  /** Ends it as one that is of no use. */
  abandon(code: PosternErrorCode, cause: string): void {
    this.#giveUp(givenUp(code, cause));
  }

  #giveUp(ending: Ending): void {
    this.#end(ending);
    this.#socket.close("");
  }

  #abandonAfter(delayMs: number, cause: string): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => this.abandon("unreachable", cause));
  }

  #opened(): void {
    this.#timer?.cancel();
    this.#openedMs = this.#clock.monotonicMs();
    this.#stage = "open";
    if (this.#options.firstToken !== undefined) this.#authorize(this.#options.firstToken);
    // Before the joins, behind which a relay may have to wait: its pong says that the line is good.
    this.#liveness.check();
    this.#events.onOpen(this);
  }

  #receive(text: string): void {
    if (this.#stage === "over") return;
    this.#liveness.heard();
    const message = text.length > MAX_TEXT_CHARACTERS ? NO_MESSAGE : decodeV1RelayMessage(text);
    if (message.type === "invalid") return this.#fault();
    if (message.type !== "error" || message.requestId === undefined) this.#up();
    switch (message.type) {
      case "unknown":
        return this.#events.onOther(text);
      case "offer":
      case "answer":
      case "candidate":
        return;
      case "pong":
        if (message.ref === this.#pingRef) this.#liveness.answered();
        this.#proved(message.ref, "answer");
        return;
      case "authorized":
        return this.#renewal.authorized(message.expiresAtMs);
      case "error":
        return this.#refused(message);
      case "restarting":
        return this.#restarting(message.reconnectWithinMs, message.closesInMs ?? 0);
      default:
        this.#receiveOfTopic(message);
    }
  }

  /** The relay has answered: whatever it says, it is one. */
  #up(): void {
    if (this.#wasUp || !this.isOpen) return;
    this.#wasUp = true;
    this.#events.onUp(this);
  }

  #receiveOfTopic(message: TopicMessage): void {
    const { type } = message;
    const asked = this.#takeAsked("ref" in message ? message.ref : undefined);
    const handler = asked?.handler ?? this.#topics.get(message.topic);
    if (type === "joined" && this.#judged(message)) this.#events.onJoined(message, this);
    if (this.#stage === "over") return;
    if (type === "congested") this.#liveness.congested();
    // Of a topic that was left, some may still wait at the relay.
    if (handler === undefined && (type === "congested" || type === "relieved")) return;
    if (handler?.receive(message, asked !== undefined) !== true) this.#fault();
  }

  /** @returns false: it is not to be used, and ends. */
  #judged({ attestation }: Joined): boolean {
    const { address, hasBeenUp } = this.#options;
    const refusal = this.#judge?.({ address, attestation, fingerprint256: this.#socket.fingerprint256 });
    this.#judge = undefined;
    if (refusal !== undefined) this.#giveUp(refused(refusal, refusal, hasBeenUp));
    return refusal === undefined;
  }

  #receiveBinary(bytes: Uint8Array): void {
    if (this.#stage === "over") return;
    this.#liveness.heard();
    const data = decodeBinaryRelayData(bytes);
    if (data.type === "unknown") return;
    if (data.type === "invalid" || this.#handles.get(data.topicHandle)?.receiveData(data) !== true) this.#fault();
  }

  #refused(error: LastWord): void {
    if (error.requestId !== undefined) this.#lastWord = error;
    const { ref, code, topic, peerHandle } = error;
    this.#proved(ref, "refusal");
    const asked = this.#takeAsked(ref);
    if (asked !== undefined) asked.handler.refused(error, asked.type);
    // A relay that does not know the message ping answers it all the same.
    else if (ref === this.#pingRef) this.#liveness.answered();
    else if (code === "unauthorized" && error.requestId === undefined) this.#renewal.refused(error.reason);
    else if (code === "omitted" && topic !== undefined && peerHandle !== undefined) {
      this.#topics.get(topic)?.omitted(peerHandle, error.count ?? 1, error.sizeBytes ?? 0);
    } else this.#events.onOtherRefused(error);
  }

  #proved(ref: number | undefined, by: Proof): void {
    if (ref === undefined || ref !== this.#proof?.ref) return;
    const { onProved } = this.#proof;
    this.#proof = undefined;
    onProved(by);
  }

  /** The question that has this number, which is answered with that. */
  #takeAsked(ref = -1): Asked | undefined {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    return asked;
  }

  #restarting(reconnectWithinMs: number, closesInMs: number): void {
    const inMs = Math.min(closesInMs, MAX_CLOSES_IN_MS);
    this.#closesMs = this.#clock.monotonicMs() + inMs;
    this.#reconnectWithinMs = Math.min(reconnectWithinMs, MAX_RECONNECT_WITHIN_MS);
    this.#abandonAfter(inMs + OVERDUE_MS, "its restart is overdue");
    this.#events.onRestarting({ closesInMs: inMs, reconnectWithinMs: this.#reconnectWithinMs }, this);
  }

  /** Something has come that no relay says. A few are put up with. */
  #fault(): void {
    this.#faultCount += 1;
    if (this.#faultCount > MAX_FAULTS) this.abandon("protocol-error", "too much makes no sense");
  }

  #awaitRoom(): void {
    this.#roomTimer ??= this.#clock.after(ROOM_LOOK_MS, () => this.#lookForRoom());
  }

  #lookForRoom(): void {
    if (this.#roomTimer === undefined) return;
    this.#roomTimer.cancel();
    this.#roomTimer = undefined;
    if (this.#isFull) return this.#awaitRoom();
    const topics = [...this.#topics];
    // Each time another topic is the first: one alone may fill it again.
    for (const [name, handler] of topics.slice(0, 1)) {
      this.#topics.delete(name);
      this.#topics.set(name, handler);
    }
    for (const [, handler] of topics) handler.writable();
  }

  /** Presents a token, the first one or a newer one. */
  #authorize(token: string): void {
    this.#say({ type: "auth", token, ref: this.#nextRef() });
  }

  #nextRef(): number {
    this.#refCount = (this.#refCount + 1) >>> 0;
    return this.#refCount;
  }

  /** As `encodeV1ClientMessage` writes it: the messages above have their fields in its order, and no others. */
  #say(message: V1ClientMessage): void {
    const text = JSON.stringify(message);
    this.#send(text, text.length);
  }

  #send(message: string | Uint8Array<ArrayBuffer>, byteCount: number, roomBytes = 0): void {
    if (!this.isOpen) return;
    this.#sentBytes += byteCount;
    this.#socket.send(message, roomBytes);
  }

  #end(ending: Ending): void {
    if (this.#stage === "over") return;
    this.#finish();
    this.#events.onEnd(ending, this);
  }

  #finish(): void {
    this.#stage = "over";
    this.#liveness.stop();
    this.#renewal.stop();
    this.#timer?.cancel();
    this.#roomTimer?.cancel();
  }
}
