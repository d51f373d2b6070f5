import { type Clock, epochMs, type Timer } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import { withTimeLimit } from "../time-limit.ts";

/** A token, or what is asked for one at each connection and before it ends. */
export type TokenSource = string | (() => string | Promise<string>);

/** So long may an app take to get one. */
const TOKEN_TIMEOUT_MS = 15_000;
const MAX_TOKEN_BYTES = 8192;
/** A token is renewed no more often than this: its function may give the same one again and again. */
const MIN_RENEWAL_MS = 10_000;
/** The longest time that timers can wait. */
const MAX_TIMER_MS = 2_147_483_647;
/** The relay closes the connection at the sixth renewal that fails. */
const MAX_REFUSALS = 4;

/** A token from its source. Rejects with `unauthorized` where the source throws, gives none, or takes too long. */
export async function obtainToken(clock: Clock, source: () => string | Promise<string>): Promise<string> {
  try {
    const token: unknown = await withTimeLimit(clock, { timeoutMs: TOKEN_TIMEOUT_MS }, () =>
      Promise.resolve().then(source),
    );
    if (typeof token === "string" && token.length > 0 && token.length <= MAX_TOKEN_BYTES) return token;
    throw new Error(`a token has 1 to ${MAX_TOKEN_BYTES} bytes`);
  } catch (cause) {
    throw new ConnectError("unauthorized", { cause });
  }
}

/** What a renewal needs. */
export type RenewalParts = {
  readonly clock: Clock;
  /** The wall clock; left out: this machine's. */
  readonly epochMs?: (() => number) | undefined;
  readonly source: TokenSource | undefined;
  readonly present: (token: string) => void;
  readonly onError: (error: ConnectError) => void;
};

/** Renews the token of one connection in-band, at two thirds of the time that it has left. */
export class Renewal {
  readonly #parts: RenewalParts;
  #timer: Timer | undefined;
  #expiresAtMs: number | undefined;
  #refusalCount = 0;
  #isOver = false;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** The relay has taken a token that ends then. */
  authorized(expiresAtMs: number | undefined): void {
    this.#refusalCount = 0;
    this.#expiresAtMs = expiresAtMs;
    this.#plan();
  }

  /** The relay has refused a renewal: the token before holds. */
  refused(reason: string | undefined): void {
    this.#refusalCount += 1;
    this.#parts.onError(new ConnectError("unauthorized", { cause: reason }));
    this.#plan();
  }

  /** Renews at once. @returns whether the source may have another token. */
  now(onPresented?: () => void): boolean {
    const { source } = this.#parts;
    if (typeof source !== "function") return false;
    this.#timer?.cancel();
    void this.#renew(source, onPresented);
    return true;
  }

  /** The connection is over. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  async #renew(source: () => string | Promise<string>, onPresented?: () => void): Promise<void> {
    try {
      const token = await obtainToken(this.#parts.clock, source);
      if (this.#isOver) return;
      this.#parts.present(token);
      onPresented?.();
    } catch (error) {
      if (this.#isOver || !(error instanceof ConnectError)) return;
      this.#parts.onError(error);
      this.#plan();
    }
  }

  #plan(): void {
    this.#timer?.cancel();
    if (this.#expiresAtMs === undefined || this.#refusalCount >= MAX_REFUSALS) return;
    const remainingMs = this.#expiresAtMs - (this.#parts.epochMs ?? epochMs)();
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(MIN_RENEWAL_MS, (remainingMs * 2) / 3));
    this.#timer = this.#parts.clock.after(delayMs, () => this.now());
  }
}
