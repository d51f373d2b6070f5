import type { Clock, Timer } from "../clock.ts";

/** How long the windows last that are compared. */
const WINDOW_MS = 50;
/** The time between trials: short while there are senders that have not been tried yet, long when all are known. */
const EAGER_REST_MS = 500;
const CALM_REST_MS = 8000;
/** A sender with fewer messages in a window is left alone: delaying it saves nothing. 80 messages a second. */
const MIN_COUNT = 4;
/** A new sender with so many messages is worth a trial before its time. */
const MIN_NEW_COUNT = 32;
/** An impatient sender that sends at least this part of its rate while it is delayed is patient. */
const PATIENT_RATIO = 0.75;
/** A patient sender that sends this much more while it is not delayed has been held up. */
const HELD_UP_RATIO = 1.35;

/** What is known of one sender: whether it sends at a rate of its own, or waits for what it sent to arrive. Only `Pacing` changes it. */
export class SenderPace {
  #isPatient = false;
  /** Messages in the window at hand, and in the one before the trial. */
  #count = 0;
  #baselineCount = 0;
  #isOnTrial = false;
  /** Messages since it was new, up to when a trial was made for it. */
  #newCount = 0;

  /** Whether its messages may wait a little for company: as is known of it, or the other way round while it is on trial. */
  get mayWait(): boolean {
    return this.#isOnTrial !== this.#isPatient;
  }

  /** Counts a message of a window. @returns whether it is the first one. */
  countInWindow(): boolean {
    this.#count += 1;
    return this.#count === 1;
  }

  /** Counts a message of one that has not been tried. @returns whether it is worth a trial before its time, once. */
  countWhileNew(): boolean {
    if (this.#newCount >= MIN_NEW_COUNT) return false;
    this.#newCount += 1;
    return this.#newCount === MIN_NEW_COUNT;
  }

  /** The window before a trial is over. @returns whether it sent enough to be on it. */
  beginTrial(): boolean {
    this.#isOnTrial = this.#count >= MIN_COUNT;
    this.#newCount = MIN_NEW_COUNT;
    this.#baselineCount = this.#count;
    this.#count = 0;
    return this.#isOnTrial;
  }

  /** The trial is over. @returns whether it is seen otherwise than before. */
  endTrial(): boolean {
    const ratio = this.#count / this.#baselineCount;
    const isPatient = this.#isPatient ? ratio <= HELD_UP_RATIO : ratio >= PATIENT_RATIO;
    const isNews = isPatient !== this.#isPatient;
    this.#isPatient = isPatient;
    this.#isOnTrial = false;
    return isNews;
  }

  endWindow(): void {
    this.#count = 0;
  }
}

/**
 * Finds out which senders are patient, by trial: for one window all busy senders are treated the other way, and who then
 * sends less, or more, depends on the delay. Writing less often halves the CPU of a delivery, but it would cut a sender
 * that waits for its messages (a window, a ping-pong) to a third. All are tried at once, because one that is not delayed
 * would carry along the messages of those that are.
 */
export class Pacing {
  readonly #clock: Clock;
  #phase: "rest" | "baseline" | "trial" = "rest";
  #active: SenderPace[] = [];
  #onTrial: SenderPace[] = [];
  #isCalm = false;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    this.#rest();
  }

  stop(): void {
    this.#isCalm = false;
    this.#timer?.cancel();
  }

  /** Counts a message. @returns whether its deliveries may wait. */
  sent(pace: SenderPace): boolean {
    if (this.#phase !== "rest") {
      if (pace.countInWindow()) this.#active.push(pace);
    } else if (this.#isCalm && pace.countWhileNew()) this.#hurry();
    return pace.mayWait;
  }

  #rest(): void {
    this.#timer = this.#clock.after(this.#isCalm ? CALM_REST_MS : EAGER_REST_MS, () => this.#beginBaseline());
  }

  /** Somebody new is busy: the long rest is over. Once for each sender, so that nobody can have all others tried for ever. */
  #hurry(): void {
    this.#timer?.cancel();
    this.#isCalm = false;
    this.#rest();
  }

  #beginBaseline(): void {
    this.#phase = "baseline";
    this.#timer = this.#clock.after(WINDOW_MS, () => this.#beginTrial());
  }

  #beginTrial(): void {
    this.#phase = "trial";
    this.#onTrial = this.#takeActive().filter((pace) => pace.beginTrial());
    this.#timer = this.#clock.after(WINDOW_MS, () => this.#endTrial());
  }

  #endTrial(): void {
    this.#phase = "rest";
    // Calm is when a trial has changed nobody's mind.
    this.#isCalm = true;
    for (const pace of this.#onTrial) if (pace.endTrial()) this.#isCalm = false;
    if (this.#onTrial.length === 0) this.#isCalm = false;
    this.#onTrial = [];
    for (const pace of this.#takeActive()) pace.endWindow();
    this.#rest();
  }

  #takeActive(): SenderPace[] {
    const active = this.#active;
    this.#active = [];
    return active;
  }
}
