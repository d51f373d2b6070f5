import type { PosternError } from "../errors.ts";
import type { Relay } from "../relay.ts";
import { checkedAddresses } from "../relays/addresses.ts";
import { isCertificateFailure } from "./advice.ts";
import type { Printer } from "./printer.ts";

/** What was typed: the addresses, checked already; a plain topic is on the first of them alone. */
export type TypedRelays = { readonly relays: readonly string[]; readonly isPlain?: boolean | undefined };

/** Failures of the relays that a command was given: it tells of one while another may be reached, and knows when none can be. */
export class RelayFailures {
  readonly #relay: Relay;
  readonly #printer: Printer;
  readonly #listedCount: number;
  readonly #usableCount: number;
  readonly #saidCertificates = new Set<string>();

  constructor(relay: Relay, { relays, isPlain = false }: TypedRelays, printer: Printer) {
    this.#relay = relay;
    this.#printer = printer;
    this.#listedCount = checkedAddresses(relays).length;
    this.#usableCount = isPlain ? 1 : this.#listedCount;
  }

  /** Whether every relay has refused for good, or shows a certificate that is not trusted: dialling again would end the same. */
  get isFinal(): boolean {
    // In the order in which they are listed; those that are not dialled yet are not among them.
    const usable = this.#relay.relays.slice(0, this.#usableCount);
    const lost = usable.filter(({ state, error }) => state === "closed" || isCertificateFailure(error));
    return lost.length === this.#usableCount;
  }

  /** Prints a failure, with the relay's address where several were given. */
  tell(error: PosternError): void {
    const address = this.#relay.relays.find((status) => status.error === error)?.address;
    if (this.#listedCount === 1 || address === undefined) return this.#printer.attempt(error);
    this.#printer.attempt(error, address);
    if (!isCertificateFailure(error) || this.#saidCertificates.has(address)) return;
    this.#saidCertificates.add(address);
    this.#printer.notice("going on with the other relays");
  }
}
