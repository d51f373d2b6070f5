import { ExitCode, type Terminal } from "./terminal.ts";

const SECOND_SIGNALS = {
  SIGINT: ExitCode.secondSigint,
  SIGTERM: ExitCode.secondSigterm,
} as const;

/** The first signal asks to leave, the second one waits for nothing. */
export class SignalWatch {
  readonly second: Promise<ExitCode>;
  readonly #signals: Terminal["signals"];
  readonly #listeners: readonly (readonly [string, () => void])[];

  constructor(signals: Terminal["signals"], onFirst: () => void) {
    const { promise, resolve } = Promise.withResolvers<ExitCode>();
    let count = 0;
    this.second = promise;
    this.#signals = signals;
    this.#listeners = Object.entries(SECOND_SIGNALS).map(([name, code]) => [
      name,
      () => {
        count += 1;
        if (count === 1) onFirst();
        else resolve(code);
      },
    ]);
    for (const [name, listener] of this.#listeners) signals.on(name, listener);
  }

  end(): void {
    for (const [name, listener] of this.#listeners) this.#signals.removeListener(name, listener);
  }
}
