import type { Clock } from "../clock.ts";
import type { Hello } from "./trust.ts";

/** How long TLS may be silent before a small hello is tried beside the usual one. */
const SILENCE_MS = 3000;
/** How long it is remembered that the usual one did not get through. */
const REMEMBERED_MS = 3_600_000;
const MAX_REMEMBERED = 256;

/** Remembers by which ways only a small hello gets through. In memory, for an hour. */
export class HelloMemory {
  readonly #clock: Clock;
  readonly #smallSinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How to greet by this way. @param way the proxy and the target: a name for both. */
  helloFor(way: string): Hello {
    const sinceMs = this.#smallSinceMs.get(way);
    return sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs < REMEMBERED_MS ? "small" : "usual";
  }

  /** Only the small one got through. */
  rememberSmall(way: string): void {
    if (this.#smallSinceMs.size >= MAX_REMEMBERED) this.#smallSinceMs.clear();
    this.#smallSinceMs.set(way, this.#clock.monotonicMs());
  }

  /** The small one did not get through either. */
  forget(way: string): void {
    this.#smallSinceMs.delete(way);
  }
}

/** What is raced: one handshake, which says when it has sent its hello and ends when the signal is aborted. */
export type Handshake<T> = (hello: Hello, onSent: () => void, signal: AbortSignal) => Promise<T>;

/** Where and how long to race. */
export type RaceParts = {
  readonly clock: Clock;
  readonly memory: HelloMemory;
  readonly way: string;
  readonly signal: AbortSignal;
};

/** Which hello got through, and what came of it. */
export type Greeted<T> = { readonly socket: T; readonly hello: Hello };

/**
 * Shakes hands with the usual hello; where that was sent and TLS is silent for 3 s, with a small one on another connection beside it. Whichever is
 * through first wins, the other is given up. It is never split into records: proxies that read it do not put those together.
 * @throws what the usual one fails with
 */
export async function raceHellos<T extends { destroy(): unknown }>(
  parts: RaceParts,
  handshake: Handshake<T>,
): Promise<Greeted<T>> {
  const { clock, memory, way, signal } = parts;
  if (memory.helloFor(way) === "small") return onlySmall(parts, handshake);
  const losers = new AbortController();
  const either = AbortSignal.any([signal, losers.signal]);
  const silence = new Silence(clock);
  const usual = named(
    "usual",
    handshake("usual", () => silence.begin(), either),
  );
  let small: Promise<Greeted<T>> | undefined;
  let winner: Greeted<T> | undefined;
  try {
    winner = await Promise.race([usual, silence.over]);
    if (winner !== undefined) return winner;
    small = named(
      "small",
      handshake("small", () => undefined, either),
    );
    winner = await Promise.any([usual, small]).catch(() => usual);
    if (winner.hello === "small") memory.rememberSmall(way);
    return winner;
  } finally {
    silence.end();
    losers.abort(new Error("the other hello was quicker"));
    for (const attempt of [usual, small]) void discard(attempt, winner);
  }
}

async function onlySmall<T>({ memory, way, signal }: RaceParts, handshake: Handshake<T>): Promise<Greeted<T>> {
  try {
    return await named(
      "small",
      handshake("small", () => undefined, signal),
    );
  } catch (error) {
    memory.forget(way);
    throw error;
  }
}

async function named<T>(hello: Hello, attempt: Promise<T>): Promise<Greeted<T>> {
  return { socket: await attempt, hello };
}

/** Both may have got through in the same turn. */
async function discard<T extends { destroy(): unknown }>(
  attempt: Promise<Greeted<T>> | undefined,
  winner: Greeted<T> | undefined,
): Promise<void> {
  const greeted = await attempt?.catch(() => undefined);
  if (greeted !== winner) greeted?.socket.destroy();
}

/** Is over so long after its beginning. */
class Silence {
  readonly #clock: Clock;
  readonly #ended = Promise.withResolvers<undefined>();
  #timer: ReturnType<Clock["after"]> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get over(): Promise<undefined> {
    return this.#ended.promise;
  }

  begin(): void {
    this.#timer ??= this.#clock.after(SILENCE_MS, () => this.#ended.resolve(undefined));
  }

  end(): void {
    this.#timer?.cancel();
  }
}
