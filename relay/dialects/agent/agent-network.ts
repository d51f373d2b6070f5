import { TokenBucket } from "../../limits/token-bucket.ts";

/** Connections of one agent: a listener, and commands that come and go. */
const MAX_CONNECTIONS = 64;
/** Names that one agent may have subscribed to; and all together, because agents may be gone and what they want stays. */
const MAX_SUBSCRIPTIONS = 256;
const MAX_ALL_SUBSCRIPTIONS = 50_000;
/** As long as an agent's name may be. */
const MAX_NAME_CHARACTERS = 64;
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;

/** One connection of an agent. Implemented by agent-session.ts. */
export interface AgentConnection {
  /** The agent is registered no more. */
  registrationEnded(): void;
}

/** How fast one agent may send; 0: as fast as it likes. */
export type AgentRates = { readonly agentRatePerMinute: number; readonly agentRatePerHour: number };

type Connected = { readonly connections: Set<AgentConnection>; readonly buckets: readonly TokenBucket[] };

/** Who is connected, who has subscribed to whom, and how fast each agent sends. Agents are known here by their ids. */
export class AgentNetwork {
  readonly #rates: AgentRates;
  readonly #connected = new Map<string, Connected>();
  readonly #subscriptions = new Map<string, Set<string>>();
  /** Buckets that are not full yet of agents who have gone: who comes back is as far as it was. */
  readonly #spent = new Map<string, readonly TokenBucket[]>();
  #subscriptionCount = 0;

  constructor(rates: AgentRates) {
    this.#rates = rates;
  }

  /** Agents with a connection. */
  get connectedCount(): number {
    return this.#connected.size;
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  connectionCountOf(id: string): number {
    return this.#connected.get(id)?.connections.size ?? 0;
  }

  /** Ids with a connection. A copy. */
  connectedIds(): readonly string[] {
    return [...this.#connected.keys()];
  }

  /** @returns whether it may have one more. @param nowMs monotonic. */
  add(id: string, connection: AgentConnection, nowMs: number): boolean {
    const connected = this.#connected.get(id) ?? { connections: new Set(), buckets: this.#bucketsOf(id, nowMs) };
    if (connected.connections.size >= MAX_CONNECTIONS) return false;
    this.#connected.set(id, connected);
    connected.connections.add(connection);
    return true;
  }

  /** Idempotent. */
  remove(id: string, connection: AgentConnection): void {
    const connected = this.#connected.get(id);
    if (connected?.connections.delete(connection) !== true || connected.connections.size > 0) return;
    this.#connected.delete(id);
    if (connected.buckets.length > 0) this.#spent.set(id, connected.buckets);
  }

  /** Ends all connections of an agent, and forgets what it has subscribed to. */
  end(id: string): void {
    // One that ends leaves the set: a set may be gone through meanwhile.
    for (const connection of this.#connected.get(id)?.connections ?? []) connection.registrationEnded();
    this.unsubscribe(id, [...(this.#subscriptions.get(id) ?? [])]);
    this.#spent.delete(id);
  }

  /** Counts a message of an agent. @returns how long its connections are to wait before the next one; 0: not at all. */
  sent(id: string, nowMs: number): number {
    let waitMs = 0;
    for (const bucket of this.#connected.get(id)?.buckets ?? []) {
      bucket.fill(nowMs);
      bucket.take(1);
      waitMs = Math.max(waitMs, bucket.waitMs);
    }
    return waitMs;
  }

  /** Forgets the rates of those who have gone and are as good as new. To be called now and then. */
  lookAround(nowMs: number): void {
    for (const [id, buckets] of this.#spent) {
      for (const bucket of buckets) bucket.fill(nowMs);
      if (buckets.every(({ fullness }) => fullness >= 1)) this.#spent.delete(id);
    }
  }

  /** In order. A view. */
  subscriptionsOf(id: string): Iterable<string> {
    return this.#subscriptions.get(id) ?? [];
  }

  /** @returns "too-many" where that would be more than may be; then nothing has changed. */
  subscribe(id: string, names: readonly string[]): "subscribed" | "too-many" {
    const own = this.#subscriptions.get(id) ?? new Set();
    const added = new Set(names.filter((name) => !own.has(name)));
    const isTooMany =
      own.size + added.size > MAX_SUBSCRIPTIONS || this.#subscriptionCount + added.size > MAX_ALL_SUBSCRIPTIONS;
    if (isTooMany || names.some((name) => name.length > MAX_NAME_CHARACTERS)) return "too-many";
    for (const name of added) own.add(name);
    this.#subscriptionCount += added.size;
    if (own.size > 0) this.#subscriptions.set(id, own);
    return "subscribed";
  }

  /** @returns how many of these it had subscribed to. */
  unsubscribe(id: string, names: readonly string[]): number {
    const own = this.#subscriptions.get(id);
    if (own === undefined) return 0;
    const removedCount = names.filter((name) => own.delete(name)).length;
    this.#subscriptionCount -= removedCount;
    if (own.size === 0) this.#subscriptions.delete(id);
    return removedCount;
  }

  #bucketsOf(id: string, nowMs: number): readonly TokenBucket[] {
    const spent = this.#spent.get(id);
    this.#spent.delete(id);
    if (spent !== undefined) return spent;
    const { agentRatePerMinute, agentRatePerHour } = this.#rates;
    const rates = [
      { burst: agentRatePerMinute, seconds: MINUTE_SECONDS },
      { burst: agentRatePerHour, seconds: HOUR_SECONDS },
    ];
    return rates
      .filter(({ burst }) => burst > 0)
      .map(({ burst, seconds }) => new TokenBucket({ perSecond: burst / seconds, burst }, nowMs));
  }
}
