import type { CloseCode } from "../../protocol/close-codes.ts";
import type { Timer } from "../clock.ts";
import { type ConnectError, type PosternError, TopicError } from "../errors.ts";
import type { RelayInfo, RelayState } from "../relay.ts";
import { BackOff, type BackOffOptions } from "./back-off.ts";
import { Carrier, type CarrierEvents, type CarrierParts } from "./carrier.ts";
import type { Connection } from "./connection.ts";
import type { Ending, LastWord, Restart } from "./ending.ts";
import { learnedInterval } from "./liveness.ts";
import { Membership, type MembershipLine } from "./membership.ts";
import { type CreateMembership, MovingTopic } from "./moving-topic.ts";
import type { PageEvent, PageEvents } from "./page-events.ts";
import { obtainToken, type TokenSource } from "./token.ts";
import type { Joined } from "./topic-handler.ts";
import type { TopicLine, TopicLineEvents, TopicLineOptions } from "./topic-line.ts";
import type { Transport, TransportMemory } from "./transport.ts";

/** A connection that lasted less is a reason for back-off, however it ended. */
const LASTING_MS = 5000;
/** One that lasted so long shows that the relay was back: how long it had been away before says nothing of the next time. */
const BACK_MS = 1000;
const USUAL_PING_INTERVAL_MS = 25_000;
const MIN_PING_INTERVAL_MS = 5000;
/** A line that dies after such a silence may want to be asked more often. */
const SILENT_MS = 14_000;
/** Beside a payload, a frame has an envelope; and the payload may travel as base64. */
const ENVELOPE_BYTES = 3072;
const POLICY_VIOLATION: typeof CloseCode.policyViolation = 1008;

/** What a line is made of. */
export type LineParts = Omit<CarrierParts, "memory"> & {
  /** What has worked in this network, for a relay; left out: the line's own. */
  readonly memoryOf?: ((address: string) => TransportMemory) | undefined;
  /** From 0 up to, without, 1. */
  readonly random: () => number;
  readonly pageEvents?: PageEvents | undefined;
  /** How a relay was reached, where the runtime shows it. */
  readonly wayOf?: ((address: string) => Pick<RelayInfo, "proxy" | "tls"> | undefined) | undefined;
};

const NO_WAY = { proxy: undefined, tls: undefined };

/** How a line is made. Checked by the caller. */
export type LineOptions = {
  readonly address: string;
  readonly token?: TokenSource | undefined;
  readonly reconnect: BackOffOptions;
  /** In the order in which they are tried; left out: a WebSocket first. */
  readonly transports?: readonly Transport[] | undefined;
  /** Less than 20 s: an unanswered upgrade holds others back in some browsers. */
  readonly connectTimeoutMs: number;
};

/** What a line tells. */
export type LineEvents = {
  readonly onState: (state: RelayState) => void;
  /** The relay was not reached, refuses, or speaks something else; it is tried again unless the state is `closed`. */
  readonly onError: (error: PosternError) => void;
  /** The relay closes the connection soon. It is dialled again afterwards, unless the line is closed before. */
  readonly onRestarting?: ((restart: Restart) => void) | undefined;
  /** For what is about no topic; left out where nobody speaks of anything else. */
  readonly other?: OtherEvents | undefined;
};

/** What a line tells to who speaks of something else than topics. */
type OtherEvents = {
  /** A connection is open: on it `tell` says something. */
  readonly onOpen: (channel: Pick<Connection, "tell">) => void;
  /** It is gone, and what was not answered is not known to be done. */
  readonly onDown: () => void;
  readonly onText: (text: string) => void;
  readonly onRefused: (error: LastWord) => void;
};

/** The way to one relay: one connection at a time, made anew until `close` or a refusal that only a person can change. */
export class Line implements CarrierEvents, MembershipLine {
  readonly #parts: LineParts;
  readonly #options: LineOptions;
  readonly #events: LineEvents;
  readonly #backOff: BackOff;
  readonly #topics = new Map<string, MovingTopic>();
  readonly #carrier: Carrier;
  readonly #stopPageEvents: (() => void) | undefined;
  #state: RelayState = "connecting";
  /** Waits for the next dial; not before this moment, whatever the page says. */
  #timer: Timer | undefined;
  #notBeforeMs = 0;
  #isAsking = false;
  #isSuspended = false;
  #error: PosternError | undefined;
  #hasBeenUp = false;
  #refusalCount = 0;
  #pingIntervalMs = USUAL_PING_INTERVAL_MS;
  #roundTripMs: number | undefined;
  #maxPayloadBytes: number | undefined;
  #maxTopicCount: number | undefined;
  #features: readonly string[] = [];

  constructor(parts: LineParts, options: LineOptions, events: LineEvents) {
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    this.#backOff = new BackOff(parts.random, options.reconnect);
    const memory = parts.memoryOf?.(options.address);
    this.#carrier = new Carrier({ ...parts, memory }, options.transports ?? ["websocket", "polling"], this);
    this.#stopPageEvents = parts.pageEvents?.((event) => this.#onPage(event));
    this.#dialAfter(0);
  }

  get state(): RelayState {
    return this.#state;
  }

  get info(): RelayInfo {
    return {
      address: shown(this.#options.address),
      roundTripMs: this.roundTripMs,
      maxPayloadBytes: this.#maxPayloadBytes,
      features: this.#features,
      transport: this.#connection?.wasUp === true ? this.#connection.transport : undefined,
      ...(this.#parts.wayOf?.(this.#options.address) ?? NO_WAY),
    };
  }

  get roundTripMs(): number | undefined {
    return this.#connection?.liveness.roundTripMs ?? this.#roundTripMs;
  }

  /** How many topics one connection may be in; undefined before the relay has said so. */
  get maxTopicCount(): number | undefined {
    return this.#maxTopicCount;
  }

  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes ?? 0;
  }

  can(feature: string): boolean {
    return this.#features.includes(feature);
  }

  /** Joins a topic now and on every connection. One that is open already, or a line that is closed, ends it at once. */
  open(topic: string, options: TopicLineOptions, events: TopicLineEvents): TopicLine {
    const { clock, random } = this.#parts;
    const backOff = new BackOff(random, this.#options.reconnect);
    const create: CreateMembership = (tell, takeover) =>
      new Membership({ clock, backOff, line: this }, topic, { ...options, takeover }, tell);
    const membership = new MovingTopic(create, events);
    const isOpen = this.#topics.has(topic);
    if (this.#state === "closed" || isOpen) {
      const error = isOpen ? new TopicError("option-invalid") : this.#error;
      clock.after(0, () => membership.end(error ?? new TopicError("closed")));
      return membership;
    }
    this.#topics.set(topic, membership);
    if (this.#connection?.isOpen === true) membership.up(this.#connection);
    else if (this.#isIdle) this.#dialAfter(0);
    return membership;
  }

  /** Something is to be said, though no topic is open: dials, where the relay has closed a connection of which nobody made use. */
  wake(): void {
    if (this.#isIdle && this.#state !== "closed") this.#dialAfter(0);
  }

  /** Ends all topics and the connection, without another word to their listeners. */
  close(): void {
    if (this.#state === "closed") return;
    this.#stop(undefined);
    this.#dropConnection("closed by the app");
  }

  onOver(topic: string, membership: Membership): void {
    if (this.#topics.get(topic)?.isOn(membership) === true) this.#topics.delete(topic);
  }

  onOpen(connection: Connection): void {
    for (const membership of this.#topics.values()) membership.up(connection);
    this.#events.other?.onOpen(connection);
  }

  onReplaced(next: Connection | undefined): void {
    this.#events.other?.onDown();
    if (next !== undefined) this.#events.other?.onOpen(next);
  }

  onUp(): void {
    this.#hasBeenUp = true;
    this.#setState("connected");
  }

  onError(error: PosternError): void {
    this.#events.onError(error);
  }

  onOther(text: string): void {
    this.#events.other?.onText(text);
  }

  onOtherRefused(error: LastWord): void {
    this.#events.other?.onRefused(error);
  }

  onJoined({ limits, features = [], pingIntervalMs }: Joined, { liveness }: Connection): void {
    const { maxFrameBytes, maxPayloadBytes, maxTopicsPerConnection } = limits;
    this.#maxTopicCount = maxTopicsPerConnection;
    this.#maxPayloadBytes = maxPayloadBytes ?? Math.max(0, Math.floor((maxFrameBytes - ENVELOPE_BYTES) * 0.75));
    this.#features = features;
    this.#refusalCount = 0;
    const askedMs = Math.max(MIN_PING_INTERVAL_MS, pingIntervalMs ?? USUAL_PING_INTERVAL_MS);
    this.#pingIntervalMs = Math.min(askedMs, this.#pingIntervalMs);
    liveness.askEvery(this.#pingIntervalMs);
  }

  onRestarting(restart: Restart): void {
    this.#events.onRestarting?.(restart);
  }

  onEnd(ending: Ending, connection: Connection): void {
    const { error } = ending;
    const { wasUp, liveness } = connection;
    this.#roundTripMs = liveness.roundTripMs ?? this.#roundTripMs;
    if (wasUp && error.status === undefined && liveness.silentMs >= SILENT_MS) {
      this.#pingIntervalMs = learnedInterval(this.#pingIntervalMs);
    }
    if (ending.reconnect === "never" && !this.#mayHaveOtherToken(error)) return this.#stop(error);
    // Nothing to join: the relay would close the next one too. The next topic dials.
    const isIdle = error.status === POLICY_VIOLATION && this.#topics.size === 0;
    if (!isIdle) this.#planDial(ending, connection);
    this.#interrupted();
    if (!isIdle && (!wasUp || error.code !== "unreachable")) this.onError(error);
  }

  topics(): Iterable<MovingTopic> {
    return this.#topics.values();
  }

  get #connection(): Connection | undefined {
    return this.#carrier.connection;
  }

  /** Nothing is under way: the relay has closed a connection on which nothing was joined. */
  get #isIdle(): boolean {
    return this.#connection === undefined && this.#timer === undefined && !this.#isAsking && !this.#isSuspended;
  }

  #dialAfter(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#dial();
    });
  }

  /** Never rejects. */
  async #dial(): Promise<void> {
    const { token } = this.#options;
    if (typeof token !== "function") return this.#connect(token);
    if (this.#isAsking) return;
    this.#isAsking = true;
    const outcome = await obtainToken(this.#parts.clock, token).catch((error: ConnectError) => error);
    this.#isAsking = false;
    if (!this.#isIdle || this.#state === "closed") return;
    if (typeof outcome === "string") return this.#connect(outcome);
    this.onError(outcome);
    this.#dialAfter(this.#backOff.nextMs());
  }

  #connect(token: string | undefined): void {
    const pingIntervalMs = this.#pingIntervalMs;
    this.#carrier.connect({ ...this.#options, firstToken: token, pingIntervalMs, hasBeenUp: this.#hasBeenUp });
  }

  /** Once in a row: what a function gives the second time is most likely the same. */
  #mayHaveOtherToken({ code }: PosternError): boolean {
    if (code !== "unauthorized" || typeof this.#options.token !== "function") return false;
    this.#refusalCount += 1;
    return this.#refusalCount === 1;
  }

  #planDial({ reconnect, retryAfterMs }: Ending, { lastedMs, reconnectWithinMs }: Connection): void {
    const hasLasted = lastedMs >= LASTING_MS;
    if (hasLasted || reconnectWithinMs !== undefined) this.#backOff.reset();
    else if (lastedMs >= BACK_MS) this.#backOff.ease();
    this.#notBeforeMs = this.#parts.clock.monotonicMs() + retryAfterMs;
    if (reconnectWithinMs !== undefined) this.#dialAfter(this.#parts.random() * reconnectWithinMs);
    else this.#dialAfter(reconnect === "now" && hasLasted ? 0 : retryAfterMs + this.#backOff.nextMs());
  }

  #onPage(event: PageEvent): void {
    if (this.#state === "closed") return;
    if (event === "suspend") this.#suspend();
    else if (this.#isSuspended || this.#timer !== undefined) {
      this.#isSuspended = false;
      this.#dialAfter(Math.max(0, this.#notBeforeMs - this.#parts.clock.monotonicMs()));
    } else if (this.#connection?.isOpen === true) this.#connection.liveness.check();
  }

  /** The browser answers pings for a page that it has frozen: the others would take it for present for ten minutes. */
  #suspend(): void {
    this.#isSuspended = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dropConnection("suspended");
    this.#interrupted();
  }

  #interrupted(): void {
    if (this.#hasBeenUp) this.#setState("reconnecting");
    for (const membership of this.#topics.values()) membership.down();
    this.#events.other?.onDown();
  }

  #stop(error: PosternError | undefined): void {
    this.#error = error;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopPageEvents?.();
    const memberships = [...this.#topics.values()];
    this.#topics.clear();
    this.#setState("closed");
    if (error !== undefined) this.onError(error);
    for (const membership of memberships) {
      if (error === undefined) membership.stop();
      else {
        membership.down();
        membership.end(error);
      }
    }
  }

  #dropConnection(reason: string): void {
    this.#carrier.drop(reason);
  }

  #setState(state: RelayState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.onState(state);
  }
}

/** Without what may be a secret. */
function shown(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
