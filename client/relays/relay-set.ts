import type { Timer } from "../clock.ts";
import { ConnectError, type PosternError } from "../errors.ts";
import type { LineOptions, LineParts } from "../line/line.ts";
import type { TopicLine, TopicLineEvents, TopicLineOptions } from "../line/topic-line.ts";
import type { RelayState, RelayStatus } from "../relay.ts";
import { type MovableTopic, RelayLines } from "./relay-lines.ts";

/** A topic is on so many relays at once; what else is listed is spare. */
const MAX_RELAYS = 3;
/** A relay that is not reached for so long has a spare one beside it until it is. */
const PATIENCE_MS = 4000;
/** How often to look whether another relay has become quicker. */
const REVIEW_MS = 30_000;

/** What a set is made of. */
export type RelaySetOptions = Omit<LineOptions, "address">;

/** What it tells. */
export type RelaySetEvents = {
  readonly onState: (state: RelayState) => void;
  readonly onRelays: (relays: readonly RelayStatus[]) => void;
  readonly onError: (error: PosternError) => void;
};

/** A topic that looks for quicker routes when it is told to. */
export type SetTopic = MovableTopic & { reviewRoutes(): void };

type InUse = { readonly lines: RelayLines; readonly address: string; downSinceMs: number };

/**
 * The relays of a client, in the order in which they were listed: the first three that are reached are joined, all at once. So
 * clients with the same list meet on all of them. One that is not reached goes on being dialled, and is taken back when it is.
 */
export class RelaySet {
  readonly #parts: LineParts;
  readonly #options: RelaySetOptions;
  readonly #events: RelaySetEvents;
  readonly #inUse = new Map<string, InUse>();
  readonly #doubled = new Set<string>();
  readonly #topics = new Map<string, SetTopic>();
  #addresses: readonly string[] = [];
  #state: RelayState = "connecting";
  #hasBeenUp = false;
  #patience: Timer | undefined;
  #review: Timer | undefined;

  constructor(parts: LineParts, options: RelaySetOptions, events: RelaySetEvents) {
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Those that are in use or dialled, in the order of the list. */
  get relays(): RelayStatus[] {
    return this.#ordered().map(({ lines }) => lines.status);
  }

  /** Uses these from now on, each once: at least one. What is listed no more is left as soon as another one is there. */
  use(addresses: readonly string[]): void {
    this.#addresses = addresses;
    this.#doubled.clear();
    this.#arrange();
  }

  /** Joins a topic on all relays, and on those that come later. */
  join(topic: SetTopic): void {
    this.#topics.set(topic.name, topic);
    for (const { lines } of this.#ordered()) lines.join(topic);
  }

  /** Joins a plain topic on one of them: the first that is not closed for good. There has to be one. */
  openPlain(name: string, options: TopicLineOptions, events: TopicLineEvents): TopicLine {
    const inUse = this.#ordered();
    const [first] = inUse.toSorted((a, b) => Number(isClosed(a)) - Number(isClosed(b)));
    if (first === undefined) throw new ConnectError("unreachable");
    return first.lines.openPlain(name, options, events);
  }

  /** A topic has ended. */
  forget(name: string): void {
    this.#topics.delete(name);
    for (const { lines } of this.#inUse.values()) lines.forget(name);
  }

  /** Ends all connections, without another word but the state. */
  close(): void {
    this.#setState("closed");
    for (const { lines } of this.#inUse.values()) lines.close();
  }

  #ordered(): InUse[] {
    const place = ({ address }: InUse): number => this.#addresses.indexOf(address) + 1 || Number.POSITIVE_INFINITY;
    return [...this.#inUse.values()].toSorted((a, b) => place(a) - place(b));
  }

  /** Dials who is missing, and leaves who is spare. */
  #arrange(): void {
    if (this.#state === "closed") return;
    const nowMs = this.#parts.clock.monotonicMs();
    let count = 0;
    let connectedCount = 0;
    const wanted = new Set<string>();
    for (const address of this.#addresses) {
      if (count === MAX_RELAYS) break;
      if (this.#doubled.has(address)) continue;
      wanted.add(address);
      const { lines, downSinceMs } = this.#inUse.get(address) ?? this.#begin(address);
      const isConnected = lines.state === "connected";
      if (isConnected) connectedCount += 1;
      if (isConnected || (isPromising(lines) && nowMs - downSinceMs < PATIENCE_MS)) count += 1;
    }
    const isEnough = connectedCount >= Math.min(MAX_RELAYS, wanted.size);
    for (const [address, { lines }] of this.#inUse) {
      if (wanted.has(address) || (!isEnough && connectedCount === 0)) continue;
      if (!isEnough && this.#addresses.includes(address) && !this.#doubled.has(address)) continue;
      this.#inUse.delete(address);
      void lines.retire();
    }
    this.#lookLater(connectedCount < count);
    this.#tell();
  }

  #begin(address: string): InUse {
    const nowMs = (): number => this.#parts.clock.monotonicMs();
    const lines = new RelayLines(
      this.#parts,
      { ...this.#options, address },
      {
        onChange: () => this.#changed(inUse),
        onError: (error) => {
          this.#events.onError(error);
          this.#arrange();
        },
        onDoubled: () => {
          this.#doubled.add(address);
          this.#events.onError(new ConnectError("option-invalid", { cause: "two addresses lead to one relay" }));
          this.#arrange();
        },
      },
    );
    const inUse: InUse = { lines, address, downSinceMs: nowMs() };
    this.#inUse.set(address, inUse);
    for (const topic of this.#topics.values()) lines.join(topic);
    return inUse;
  }

  #changed(inUse: InUse): void {
    if (inUse.lines.state === "connected") inUse.downSinceMs = Number.POSITIVE_INFINITY;
    else inUse.downSinceMs = Math.min(inUse.downSinceMs, this.#parts.clock.monotonicMs());
    this.#arrange();
  }

  #lookLater(isWaiting: boolean): void {
    if (isWaiting && this.#addresses.length > MAX_RELAYS) {
      this.#patience ??= this.#parts.clock.after(PATIENCE_MS, () => {
        this.#patience = undefined;
        this.#arrange();
      });
    }
    if (this.#inUse.size > 1) {
      this.#review ??= this.#parts.clock.after(REVIEW_MS, () => {
        this.#review = undefined;
        for (const topic of this.#topics.values()) topic.reviewRoutes();
        this.#lookLater(false);
      });
    }
  }

  #tell(): void {
    const states = [...this.#inUse.values()].map(({ lines }) => lines.state);
    if (states.includes("connected")) {
      this.#hasBeenUp = true;
      this.#setState("connected");
    } else if (states.length > 0 && states.every((state) => state === "closed")) this.#setState("closed");
    else this.#setState(this.#hasBeenUp ? "reconnecting" : "connecting");
    this.#events.onRelays(this.relays);
  }

  #setState(state: RelayState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (state === "closed") {
      this.#patience?.cancel();
      this.#review?.cancel();
    }
    this.#events.onState(state);
  }
}

/** Whether it may be there at once: it was there a moment ago, or has not failed yet. */
function isPromising({ state, status }: RelayLines): boolean {
  return state === "reconnecting" || (state === "connecting" && status.error === undefined);
}

function isClosed({ lines }: InUse): boolean {
  return lines.state === "closed";
}
