import type { Timer } from "../clock.ts";
import type { PosternError } from "../errors.ts";
import { Line, type LineEvents, type LineOptions, type LineParts } from "../line/line.ts";
import type { TopicLine, TopicLineEvents, TopicLineOptions } from "../line/topic-line.ts";
import type { RelayState, RelayStatus } from "../relay.ts";
import type { Route, Way } from "./route.ts";

/** As many as a relay takes on one connection, unless it says something else. */
const USUAL_TOPIC_COUNT = 100;
/** A further connection without topics is kept for so long. */
const IDLE_MS = 10_000;
/** In the last moments before the close of a planned stop nothing is taken: the next connection is dialled before. */
const LAST_MS = 500;
/** The first in this order speaks for all lines to a relay. */
const STATES: readonly RelayState[] = ["connected", "reconnecting", "connecting", "closed"];

/** A topic that may be on several lines at once, and so moves from one to another without a gap. */
export interface MovableTopic {
  readonly name: string;
  joinOn(way: Way): Route;
  leaveOn(route: Route): Promise<void>;
}

/** What the lines to one relay tell. */
export type RelayLinesEvents = {
  /** `status` has changed. */
  readonly onChange: () => void;
  readonly onError: (error: PosternError) => void;
  /** Another relay of this client is the same one. */
  readonly onDoubled: () => void;
};

/** A topic on a line; undefined: a plain one, which cannot be on two. */
type Carried = { readonly topic: MovableTopic; readonly route: Route } | undefined;

/** A line with the topics on it, by name. */
type Carrying = { readonly line: Line; readonly topics: Map<string, Carried> };

/**
 * All lines to one relay: as many as its topics need, and for a moment one more, when the relay is about to close one. A topic
 * leaves a line when it is on the next.
 */
export class RelayLines {
  readonly #parts: LineParts;
  readonly #options: LineOptions;
  readonly #events: RelayLinesEvents;
  #lines: readonly Carrying[] = [];
  /** Lines that are being left: the next one is there already. */
  readonly #left = new Set<Carrying>();
  /** What is dialled, or will be, in place of a line that its relay closes soon. */
  readonly #successors = new Map<Carrying, Carrying | Timer>();
  /** As refusals have taught. */
  #maxTopicCount = Number.POSITIVE_INFINITY;
  #error: PosternError | undefined;
  #hasBeenUp = false;
  #tidying: Timer | undefined;

  /** Dials at once. */
  constructor(parts: LineParts, options: LineOptions, events: RelayLinesEvents) {
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    this.#add();
  }

  get state(): RelayState {
    const { state } = this.#first.line;
    return state === "connecting" && this.#hasBeenUp ? "reconnecting" : state;
  }

  get status(): RelayStatus {
    return { ...this.#first.line.info, state: this.state, error: this.#error };
  }

  /** Joins a topic here, on whichever line has room. */
  join(topic: MovableTopic): void {
    this.#carry(this.#roomy(), topic);
  }

  /** Joins a plain topic here. */
  openPlain(name: string, options: TopicLineOptions, events: TopicLineEvents): TopicLine {
    const { line, topics } = this.#roomy();
    topics.set(name, undefined);
    return line.open(name, options, events);
  }

  /** A topic has ended. */
  forget(name: string): void {
    for (const { topics } of this.#all) topics.delete(name);
    if (this.#lines.length > 1) this.#tidying ??= this.#parts.clock.after(IDLE_MS, () => this.#tidy());
  }

  /** Leaves all topics here, and ends. Never rejects. */
  async retire(): Promise<void> {
    const carried = this.#all.flatMap(({ topics }) => [...topics.values()]);
    await Promise.all(carried.flatMap((one) => one?.topic.leaveOn(one.route) ?? []));
    this.close();
  }

  /** Ends all lines, without another word. */
  close(): void {
    this.#tidying?.cancel();
    for (const carrying of this.#all) this.#end(carrying);
  }

  get #all(): Carrying[] {
    return [...this.#lines, ...this.#left];
  }

  get #first(): Carrying {
    const place = ({ line }: Carrying): number => STATES.indexOf(line.state);
    return this.#lines.reduce((first, one) => (place(one) < place(first) ? one : first));
  }

  /** A line for one more topic. Where all are closed for good, the topic is told so by one of them. */
  #roomy(): Carrying {
    const maxCount = Math.min(this.#maxTopicCount, this.#first.line.maxTopicCount ?? USUAL_TOPIC_COUNT);
    const roomy = this.#lines.find(({ line, topics }) => line.state !== "closed" && topics.size < maxCount);
    return roomy ?? (this.state === "closed" ? this.#first : this.#add());
  }

  #add(): Carrying {
    const carrying = this.#dial(() => undefined);
    this.#lines = [...this.#lines, carrying];
    return carrying;
  }

  /** @param onOutcome whether it has connected; called for each success and failure. */
  #dial(onOutcome: (carrying: Carrying, isConnected: boolean) => void): Carrying {
    const isInUse = (): boolean => this.#lines.includes(carrying);
    const events: LineEvents = {
      onState: (state) => {
        if (state === "connected") {
          onOutcome(carrying, true);
          this.#hasBeenUp = true;
          this.#error = undefined;
          // It is back by itself.
          this.#dropSuccessor(carrying);
        } else if (this.#left.has(carrying)) this.#leave(carrying);
        if (isInUse()) this.#events.onChange();
      },
      onError: (error) => {
        if (!isInUse()) return onOutcome(carrying, false);
        this.#error = error;
        this.#events.onError(error);
      },
      onRestarting: ({ closesInMs }) => {
        if (isInUse() && !this.#successors.has(carrying)) this.#succeedSoon(carrying, closesInMs);
      },
    };
    const carrying: Carrying = { line: new Line(this.#parts, this.#options, events), topics: new Map() };
    return carrying;
  }

  /** Where the relay takes no newcomers yet, it is dialled again as usual, after the close. */
  #succeedSoon(old: Carrying, closesInMs: number): void {
    const delayMs = this.#parts.random() * Math.max(0, closesInMs - LAST_MS);
    const timer = this.#parts.clock.after(delayMs, () => {
      const next = this.#dial((carrying, isConnected) => {
        if (this.#successors.get(old) !== carrying) return;
        if (isConnected) this.#succeed(old, carrying);
        else this.#dropSuccessor(old);
      });
      this.#successors.set(old, next);
    });
    this.#successors.set(old, timer);
  }

  /** Make before break: the topics move, one by one, each when it is joined on the next line. */
  #succeed(old: Carrying, next: Carrying): void {
    this.#successors.delete(old);
    const movable = [...old.topics.values()].filter((carried) => carried !== undefined);
    // A plain topic stays, and comes back as its line does.
    const stays = movable.length < old.topics.size;
    if (!stays) this.#left.add(old);
    this.#lines = [next, ...this.#lines.filter((one) => stays || one !== old)];
    for (const { topic } of movable) this.#carry(next, topic, () => void this.#moved(old, topic.name));
    if (old.topics.size === 0) this.#end(old);
  }

  /** Never rejects. */
  async #moved(old: Carrying, name: string): Promise<void> {
    const carried = old.topics.get(name);
    old.topics.delete(name);
    await carried?.topic.leaveOn(carried.route);
    if (old.topics.size === 0 && this.#left.has(old)) this.#end(old);
  }

  /** The relay has closed it: who has not moved yet goes on waiting on the next line. */
  #leave(old: Carrying): void {
    for (const [name, carried] of old.topics) {
      if (carried === undefined) continue;
      if (!this.#lines.some(({ topics }) => topics.has(name))) this.join(carried.topic);
      void carried.topic.leaveOn(carried.route);
    }
    this.#end(old);
  }

  #dropSuccessor(old: Carrying): void {
    const successor = this.#successors.get(old);
    this.#successors.delete(old);
    if (successor === undefined) return;
    if ("line" in successor) this.#end(successor);
    else successor.cancel();
  }

  #carry(carrying: Carrying, topic: MovableTopic, onJoined: () => void = () => undefined): void {
    const { line, topics } = carrying;
    const { name } = topic;
    const route = topic.joinOn({
      open: (options, events) => line.open(name, options, events),
      canTakeOver: () => line.can("takeover"),
      roundTripMs: () => line.roundTripMs,
      onJoined,
      onEnded: ({ code }) => {
        topics.delete(name);
        if (code !== "too-many-topics" || topics.size === 0) return;
        this.#maxTopicCount = Math.min(this.#maxTopicCount, topics.size);
        this.join(topic);
      },
      onDoubled: () => {
        topics.delete(name);
        // While a line is left, the next may be told of it.
        if (this.#left.size === 0) this.#events.onDoubled();
      },
    });
    topics.set(name, { topic, route });
  }

  #tidy(): void {
    this.#tidying = undefined;
    for (const carrying of this.#lines.slice(1)) if (carrying.topics.size === 0) this.#end(carrying);
  }

  #end(carrying: Carrying): void {
    this.#dropSuccessor(carrying);
    this.#left.delete(carrying);
    if (this.#lines.length > 1) this.#lines = this.#lines.filter((one) => one !== carrying);
    carrying.topics.clear();
    carrying.line.close();
  }
}
