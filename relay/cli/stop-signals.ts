import type { Terminal } from "./terminal.ts";

/** What asks a relay to stop. */
export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** The stop signals in the order they come, kept until they are asked for. */
export class StopSignals {
  readonly #emitter: Terminal["signals"];
  readonly #came: StopSignal[] = [];
  #wake: (() => void) | undefined;
  #hasCome = false;
  readonly #onSigterm = () => this.#take("SIGTERM");
  readonly #onSigint = () => this.#take("SIGINT");
  readonly #onSighup: () => void;

  /** @param onHangUp what to do on SIGHUP: its own default would end the process with all its connections. */
  constructor({ signals }: Terminal, onHangUp: () => void) {
    this.#emitter = signals;
    this.#onSighup = onHangUp;
    signals.on("SIGTERM", this.#onSigterm);
    signals.on("SIGINT", this.#onSigint);
    signals.on("SIGHUP", this.#onSighup);
  }

  async next(): Promise<StopSignal> {
    for (;;) {
      const signal = this.#came.shift();
      if (signal !== undefined) return signal;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** As if a first stop signal had come. Does nothing where one has: to ask again must not cut the drain short. */
  request(signal: "SIGTERM" | "SIGHUP"): void {
    if (!this.#hasCome) this.#take(signal);
  }

  release(): void {
    this.#emitter.removeListener("SIGTERM", this.#onSigterm);
    this.#emitter.removeListener("SIGINT", this.#onSigint);
    this.#emitter.removeListener("SIGHUP", this.#onSighup);
  }

  #take(signal: StopSignal): void {
    this.#hasCome = true;
    this.#came.push(signal);
    this.#wake?.();
  }
}
