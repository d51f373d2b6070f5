/** What systemd says of a service at one moment. */
type State = {
  /** `active`, `activating` also between two attempts, `failed`, `inactive` also where there is no such service; "" without systemd. */
  readonly active: string;
  /** Why it ended: `exit-code`, `timeout`; `success` as long as it has not. */
  readonly result: string;
  /** Of this start: another one after a restart. */
  readonly invocation: string;
  /** On the clock that counts from the boot. */
  readonly startedAtMs: number;
};

/** What it asks and when. */
export type RunningServiceParts = {
  /** What `systemctl show` prints of the service. */
  readonly show: (properties: readonly string[]) => string;
  /** Waits until the next look. */
  readonly pause: () => Promise<void>;
  /** Time since the boot, and since the epoch. */
  readonly uptimeMs: () => number;
  readonly epochMs: () => number;
};

/** A service of systemd: whether it is to be stopped, to be started anew, and whether it stays up. */
export class RunningService {
  readonly #parts: RunningServiceParts;

  constructor(parts: RunningServiceParts) {
    this.#parts = parts;
  }

  /** Whether there is a process now. */
  get isUp(): boolean {
    return this.#state().active === "active";
  }

  /** Whether there is no process, and none will come by itself: one that crashes is between two starts for most of the time. */
  get isStopped(): boolean {
    return ["inactive", "failed", ""].includes(this.#state().active);
  }

  /** Whether the process was started before a moment, given in time since the epoch. */
  isOlderThan(changedAtMs: number): boolean {
    const ageMs = this.#parts.uptimeMs() - this.#state().startedAtMs;
    return this.#parts.epochMs() - ageMs < changedAtMs;
  }

  /** Looks so often whether the service is up, and is so since the same start. Throws where it is not. */
  async watch(lookCount: number): Promise<void> {
    const { invocation } = this.#state();
    for (let look = 0; look < lookCount; look += 1) {
      await this.#parts.pause();
      const state = this.#state();
      if (state.active === "active" && state.invocation === invocation) continue;
      throw new Error(`the service does not stay up (${state.active}, ${state.result})`);
    }
  }

  #state(): State {
    const names = ["ActiveState", "Result", "InvocationID", "ExecMainStartTimestampMonotonic"];
    const values = new Map(
      this.#parts
        .show(names)
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const),
    );
    const [active = "", result = "", invocation = "", startedAtUs = ""] = names.map((name) => values.get(name));
    return { active, result, invocation, startedAtMs: Number(startedAtUs) / 1000 };
  }
}
