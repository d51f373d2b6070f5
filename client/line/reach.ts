import type { Clock, Timer } from "../clock.ts";
import type { Transport, TransportMemory } from "./transport.ts";

/** So long after the first dial without an answer of the relay's the other transport is tried beside it. */
const SECOND_MS = 1500;
/**
 * Where a WebSocket was the last to work, one that fails is put down to the relay for so long, as one that starts anew is back by then:
 * a poll that finds it in between would be kept for longer than it takes to dial again.
 */
const TRUSTED_MS = 5000;
/** While it polls, a WebSocket is tried again after this, sooner where one has worked; doubled each time it does not do, up to the last. */
const FIRST_RETRY_MS = 10_000;
const SOON_RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;

/** Which transport is dialled, and when the other one. */
export class Reach {
  readonly #clock: Clock;
  readonly #transports: readonly Transport[];
  readonly #memory: TransportMemory;
  #timer: Timer | undefined;
  #retryMs = FIRST_RETRY_MS;
  /** Whether a WebSocket was the last to work. */
  #isTrusted = false;
  /** Since when it fails. */
  #failingSinceMs: number | undefined;

  /** @param transports those that may be used, at least one. */
  constructor(clock: Clock, transports: readonly Transport[], memory: TransportMemory = new OwnMemory()) {
    this.#clock = clock;
    this.#transports = transports;
    this.#memory = memory;
  }

  /** The one to dial: what worked in this network, else a WebSocket. */
  get first(): Transport {
    const known = this.#memory.recall();
    const [first = "websocket"] = this.#transports;
    return known !== undefined && this.#transports.includes(known) ? known : first;
  }

  /** The one to try where that does not do; undefined: there is no other. */
  otherThan(transport: Transport): Transport | undefined {
    return this.#transports.find((other) => other !== transport);
  }

  /** One has failed, and nobody says why. @returns whether it is to be dialled again, and not the other one. */
  trusts(transport: Transport): boolean {
    if (!this.#isTrusted || transport !== "websocket") return false;
    const nowMs = this.#clock.monotonicMs();
    this.#failingSinceMs ??= nowMs;
    return nowMs - this.#failingSinceMs < TRUSTED_MS;
  }

  /** One was dialled. @param dialOther called where the relay has not answered in time. */
  dialled(transport: Transport, dialOther: (other: Transport) => void): void {
    const other = this.otherThan(transport);
    if (other !== undefined) this.#after(SECOND_MS, () => dialOther(other));
  }

  /** This one is dialled the next time. */
  prefer(transport: Transport): void {
    this.#isTrusted = false;
    this.#retryMs = FIRST_RETRY_MS;
    this.#memory.remember(transport);
  }

  /** The relay has answered by this one. @param retry called where a WebSocket is to be tried again. */
  up(transport: Transport, retry: () => void): void {
    this.#memory.remember(transport);
    this.stop();
    this.#isTrusted = transport === "websocket";
    this.#failingSinceMs = undefined;
    if (this.#isTrusted) this.#retryMs = SOON_RETRY_MS;
    else if (this.otherThan(transport) !== undefined) this.#after(this.#retryMs, retry);
  }

  /** A WebSocket was tried again and does not do. */
  failedAgain(retry: () => void): void {
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    this.#after(this.#retryMs, retry);
  }

  /** Nothing is called any more, until the next of these. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #after(delayMs: number, task: () => void): void {
    this.stop();
    this.#timer = this.#clock.after(delayMs, task);
  }
}

/** Of this line alone. */
class OwnMemory implements TransportMemory {
  #transport: Transport | undefined;

  recall(): Transport | undefined {
    return this.#transport;
  }

  remember(transport: Transport): void {
    this.#transport = transport;
  }
}
