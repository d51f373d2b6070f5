import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { clientNetwork } from "./address.ts";

/** Refusals are remembered for so long from the first one on. */
const WINDOW_MS = 60_000;
/** Who is refused later than this after it came did not come back at once: a token may end, a user may lose a right. */
const SHORT_VISIT_MS = 10_000;
/** From so many refusals on, the next ones are held back: a moment at first, then longer. */
const HELD_FROM = 10;
const HELD_MS = 1000;
const HELD_LONGER_FROM = 20;
const HELD_LONGER_MS = 5000;
/** From so many on, what presents the same credential is not looked at any more: nobody else has it. */
const DAMPED_FROM = 20;
/** Without a credential in the request others may look the same: only where holding back has not helped, and not all. */
const ALL_DAMPED_FROM = 60;
const TRIAL_INTERVAL_MS = 1000;
/** From so many upgrades of an address that were not looked at, its connections wait before TLS; no more than so many do. */
const FLOOD_FROM = 20;
const MAX_PARKED = 8;
/** Networks, and kinds of request of each, that are remembered. Beyond it, the one that was refused longest ago is forgotten. */
const MAX_NETWORKS = 1024;
const MAX_KINDS = 8;

/** What a request asks for and presents, by which it is known again. */
export type VisitRequest = {
  /** Hashed with a key of this process; not kept. */
  readonly asked: readonly string[];
  /** Whether a credential is among it, so that nobody else asks the same. */
  readonly hasCredential: boolean;
};

type Count = { sinceMs: number; count: number };
type Kind = Count & { trialAtMs: number };
type Network = { readonly kinds: Map<string, Kind>; readonly others: Count; readonly ignored: Count; parked: number };

/**
 * Slows down who comes back at once after a refusal, again and again, as some libraries do whatever the close code. Goes
 * by address and by what the request presented, so that one client in an office does not shut the others out.
 */
export class Returners {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #key = randomBytes(16);
  /** The one that was refused last at the end. */
  readonly #networks = new Map<string, Network>();
  /** Connections that have joined, by network. As many as there are connections, at most. */
  readonly #joined = new Map<string, number>();
  #hitCount = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** How often somebody was held back, not looked at, or kept waiting before TLS. */
  get hitCount(): number {
    return this.#hitCount;
  }

  /** How many networks are remembered. */
  get networkCount(): number {
    return this.#networks.size;
  }

  /** Somebody asks to become a connection. @param address as `plainAddress` writes it. */
  visit(address: string, { asked, hasCredential }: VisitRequest): ClientVisit {
    const hash = createHash("sha256").update(this.#key).update(JSON.stringify(asked)).digest("base64");
    return new ClientVisit(this, clientNetwork(address), { kind: hash.slice(0, 16), hasCredential });
  }

  /**
   * A new connection, before TLS. "wait": its address goes on whatever it is told, and nobody there has joined: a moment is
   * to pass first, and the caller owes an `unpark`. "drop": enough of them wait already.
   */
  park(address: string): "pass" | "wait" | "drop" {
    const network = clientNetwork(address);
    const known = this.#networks.get(network);
    if (known === undefined || this.#current(known.ignored).count < FLOOD_FROM || this.#joined.has(network))
      return "pass";
    this.#hitCount += 1;
    if (known.parked >= MAX_PARKED) return "drop";
    known.parked += 1;
    return "wait";
  }

  unpark(address: string): void {
    const known = this.#networks.get(clientNetwork(address));
    if (known !== undefined && known.parked > 0) known.parked -= 1;
  }

  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** The visits': whether this is not to be looked at. */
  ignores(network: string, { kind, hasCredential }: VisitKind): boolean {
    const known = this.#networks.get(network);
    const entry = known?.kinds.get(kind);
    if (known === undefined || entry === undefined) return false;
    const { count } = this.#current(entry);
    if (count < (hasCredential ? DAMPED_FROM : ALL_DAMPED_FROM)) return false;
    const { nowMs } = this;
    if (!hasCredential && nowMs - entry.trialAtMs >= TRIAL_INTERVAL_MS) {
      entry.trialAtMs = nowMs;
      return false;
    }
    this.#current(known.ignored).count += 1;
    this.#hitCount += 1;
    return true;
  }

  /** The visits'. @param count one, and those that were forgiven before. @returns how long to hold the refusal back. */
  refused(network: string, { kind }: VisitKind, count: number): number {
    const entry = this.#current(this.#countOf(network, kind));
    entry.count += count;
    if (entry.count <= HELD_FROM) return 0;
    this.#hitCount += 1;
    return entry.count <= HELD_LONGER_FROM ? HELD_MS : HELD_LONGER_MS;
  }

  /** The visits': a good token. */
  granted(network: string): void {
    const known = this.#networks.get(network);
    if (known !== undefined) known.ignored.count = 0;
  }

  /** The visits'. @returns how many refusals that forgives. */
  joined(network: string, { kind }: VisitKind): number {
    this.granted(network);
    this.#joined.set(network, (this.#joined.get(network) ?? 0) + 1);
    const entry = this.#networks.get(network)?.kinds.get(kind);
    if (entry === undefined) return 0;
    const { count } = this.#current(entry);
    entry.count = 0;
    return count;
  }

  /** The visits': one that had joined is over. */
  left(network: string): void {
    const count = this.#joined.get(network) ?? 1;
    if (count > 1) this.#joined.set(network, count - 1);
    else this.#joined.delete(network);
  }

  #countOf(network: string, kind: string): Count {
    const { nowMs } = this;
    const known = this.#networks.get(network) ?? newNetwork(nowMs);
    this.#networks.delete(network);
    this.#networks.set(network, known);
    if (this.#networks.size > MAX_NETWORKS) forgetFirst(this.#networks);
    const { kinds } = known;
    const entry = kinds.get(kind);
    if (entry !== undefined) return entry;
    for (const [other, { sinceMs }] of kinds) if (nowMs - sinceMs >= WINDOW_MS) kinds.delete(other);
    // Who presents something else each time is held back all the same; but nobody is left unlooked at for it.
    if (kinds.size >= MAX_KINDS) return known.others;
    const made = { sinceMs: nowMs, count: 0, trialAtMs: Number.NEGATIVE_INFINITY };
    kinds.set(kind, made);
    return made;
  }

  #current<C extends Count>(entry: C): C {
    const { nowMs } = this;
    if (nowMs - entry.sinceMs >= WINDOW_MS) {
      entry.sinceMs = nowMs;
      entry.count = 0;
    }
    return entry;
  }
}

type VisitKind = { readonly kind: string; readonly hasCredential: boolean };

/** One coming and going of a client. */
export class ClientVisit {
  readonly #returners: Returners;
  readonly #network: string;
  readonly #kind: VisitKind;
  readonly #cameAtMs: number;
  #hasJoined = false;
  #forgiven = 0;

  constructor(returners: Returners, network: string, kind: VisitKind) {
    this.#returners = returners;
    this.#network = network;
    this.#kind = kind;
    this.#cameAtMs = returners.nowMs;
  }

  /** Whether it comes back too often to be looked at. To be asked once. */
  isIgnored(): boolean {
    return this.#returners.ignores(this.#network, this.#kind);
  }

  /** It is refused what it will not get by coming back. @returns how long to hold the refusal back, in milliseconds. */
  refused(): number {
    if (this.#returners.nowMs - this.#cameAtMs >= SHORT_VISIT_MS) return 0;
    // It has joined before it was refused, as it will the next time: that was no reason to forgive.
    const count = 1 + this.#forgiven;
    this.#forgiven = 0;
    return this.#returners.refused(this.#network, this.#kind, count);
  }

  /** It has presented a good token. */
  granted(): void {
    this.#returners.granted(this.#network);
  }

  /** It has joined: what was refused to those like it is forgiven. Only the first time counts. */
  joined(): void {
    if (this.#hasJoined) return;
    this.#hasJoined = true;
    this.#forgiven = this.#returners.joined(this.#network, this.#kind);
  }

  /** Its connection is over. To be called once. */
  ended(): void {
    if (this.#hasJoined) this.#returners.left(this.#network);
  }
}

function newNetwork(nowMs: number): Network {
  const nothing = (): Count => ({ sinceMs: nowMs, count: 0 });
  return { kinds: new Map(), others: nothing(), ignored: nothing(), parked: 0 };
}

function forgetFirst(map: Map<string, unknown>): void {
  const [first] = map.keys();
  if (first !== undefined) map.delete(first);
}
