import type { Clock, Timer } from "../clock.ts";
import type { ConnectionLink } from "./ports.ts";

/** A busy page in Chromium was silent for 7.9 s. */
const SILENCE_MS = 10_000;
/** How often it is looked whether something came. */
const LOOK_MS = 250;
/** Where the ping cannot leave, or its answer cannot be read, for so long, nothing is known: then it counts as there. */
const MAX_WAIT_MS = 20_000;

/** Is told whether the client is there. */
type OnAnswer = (isThere: boolean) => void;

/**
 * Asks one client whether it is there, for somebody who wants its name: a ping, ahead of what waits, and 10 s from the
 * moment it was written. Asked again meanwhile, and for as long after, nobody is asked: one ping per 10 s, whoever asks.
 */
export class Probe {
  readonly #clock: Clock;
  readonly #link: ConnectionLink;
  readonly #waiting = new Set<OnAnswer>();
  #timer: Timer | undefined;
  #bytesIn = 0;
  #beganAtMs = 0;
  #hasPinged = false;
  /** Since when an answer could have come. */
  #askedAtMs: number | undefined;
  #wasThereAtMs = Number.NEGATIVE_INFINITY;

  /** @param clock the relay's turn clock. */
  constructor(clock: Clock, link: ConnectionLink) {
    this.#clock = clock;
    this.#link = link;
  }

  /**
   * Calls back once; never from within this call.
   * @param onAnswer a function of its own for each ask.
   * @returns takes the ask back.
   */
  ask(onAnswer: OnAnswer): () => void {
    this.#waiting.add(onAnswer);
    if (this.#timer === undefined) this.#begin();
    return () => void this.#waiting.delete(onAnswer);
  }

  /** The connection is gone: nobody is there. */
  end(): void {
    if (this.#timer !== undefined) this.#answer(false);
  }

  #begin(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#wasThereAtMs < SILENCE_MS) {
      this.#timer = this.#clock.after(0, () => this.#tell(true));
      return;
    }
    this.#beganAtMs = nowMs;
    this.#bytesIn = this.#link.bytesIn;
    this.#hasPinged = false;
    this.#askedAtMs = undefined;
    this.#ping();
    this.#timer = this.#clock.every(LOOK_MS, () => this.#look());
  }

  /** A link that is not read sends none: it is asked when it is read again. */
  #ping(): void {
    if (this.#hasPinged || !this.#link.isRead) return;
    this.#hasPinged = true;
    this.#link.ping();
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#ping();
    if (this.#link.bytesIn !== this.#bytesIn || nowMs - this.#beganAtMs >= MAX_WAIT_MS) this.#answer(true);
    // What is not read cannot answer, and a ping that has not left accuses nobody.
    else if (!this.#link.isRead || this.#link.isPingWaiting) this.#askedAtMs = undefined;
    else {
      this.#askedAtMs ??= nowMs;
      if (nowMs - this.#askedAtMs >= SILENCE_MS) this.#answer(false);
    }
  }

  #answer(isThere: boolean): void {
    if (isThere) this.#wasThereAtMs = this.#clock.monotonicMs();
    this.#tell(isThere);
  }

  #tell(isThere: boolean): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onAnswer of waiting) onAnswer(isThere);
  }
}
