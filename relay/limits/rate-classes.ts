import type { Rates } from "./sender-rate.ts";
import type { Rate } from "./token-bucket.ts";

/** What a connection may send: the rates of all, or a multiple of them for those whose token names a class. */
export class RateClasses {
  readonly #rates: Rates;
  readonly #byName = new Map<string, Rates>();

  /**
   * @param rates of connections without a class, or with one that is not known.
   * @param classes each as `<name>=<multiple>`; 0 is as fast as messages come.
   */
  constructor(rates: Rates, classes: readonly string[] = []) {
    this.#rates = rates;
    for (const text of classes) {
      const [name = "", multiple] = text.split("=");
      this.#byName.set(name, multipleOf(rates, Number(multiple)));
    }
  }

  of(rateClass: string | undefined): Rates {
    return (rateClass !== undefined && this.#byName.get(rateClass)) || this.#rates;
  }
}

function multipleOf({ messages, bytes }: Rates, multiple: number): Rates {
  return { messages: scaled(messages, multiple), bytes: scaled(bytes, multiple) };
}

function scaled(rate: Rate | undefined, multiple: number): Rate | undefined {
  if (rate === undefined || multiple === 0) return undefined;
  return { perSecond: rate.perSecond * multiple, burst: rate.burst * multiple };
}
