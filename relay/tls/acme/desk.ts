import { createPrivateKey } from "node:crypto";
import { crypto } from "acme-client";
import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import type { TlsMaterial } from "../material.ts";
import { type CertificateStore, StoreError } from "../store/ports.ts";
import { AcmeError, ProblemError } from "./acme-error.ts";
import type { ChallengeAnswers } from "./challenges.ts";
import { AcmeClient } from "./client.ts";
import { type Directory, fetchDirectory, readCaFile } from "./directory.ts";
import { type AccountEntry, entryNames, entryText, readAccountEntry } from "./entries.ts";
import type { AcmeOptions } from "./options.ts";
import { fulfilOrder, type OrderRequest, placeOrder } from "./order.ts";
import type { Pace } from "./schedule.ts";
import { Transport } from "./transport.ts";

/** What a desk works with. */
export type DeskParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: CertificateStore;
  readonly answers: ChallengeAnswers;
  readonly pace: Pace;
  readonly signal: AbortSignal;
};

type Offer = { readonly transport: Transport; readonly directory: Directory; readonly account: LoadedAccount };

/** `isReplaced`: it takes the place of one that cannot be read. */
type LoadedAccount = { readonly entry: AccountEntry; readonly isReplaced: boolean };

/** An order that the CA has taken. */
export type PlacedOrder = {
  /**
   * Brings it to its end.
   * @param preferredChain the common name of an issuer; "" takes the chain that the CA has first.
   * @throws AcmeError, ProblemError, UnreachableError
   */
  fulfil(preferredChain: string): Promise<Pick<TlsMaterial, "key" | "certificate">>;
};

/** The place at a CA where an order is placed: its directory was read, and there is an account. Made for one attempt. */
export class OrderDesk {
  readonly #parts: DeskParts;
  readonly #options: AcmeOptions;
  readonly #transport: Transport;
  /** What the CA offers. */
  readonly directory: Directory;
  #account: AccountEntry;
  readonly #isReplaced: boolean;

  private constructor(parts: DeskParts, options: AcmeOptions, offer: Offer) {
    this.#parts = parts;
    this.#options = options;
    this.#transport = offer.transport;
    this.directory = offer.directory;
    this.#account = offer.account.entry;
    this.#isReplaced = offer.account.isReplaced;
  }

  /**
   * Reaches the CA, checks that it has what is wanted, and makes the account where there is none.
   * @throws AcmeError, ProblemError, UnreachableError, StoreError
   */
  static async open(parts: DeskParts, options: AcmeOptions): Promise<OrderDesk> {
    const { clock, signal } = parts;
    const { retryDelaysMs } = parts.pace;
    const transport = new Transport(clock, { ca: await readCaFile(options.caFile), signal, retryDelaysMs });
    const directory = await fetchDirectory(transport, options.directoryUrl, clock);
    checkOffer(directory, options);
    const account = await loadAccount(parts, options);
    const desk = new OrderDesk(parts, options, { transport, directory, account });
    if (account.entry.accountUrl === undefined) await desk.#register();
    return desk;
  }

  /**
   * Places an order. An account that the CA does not know any more is made again, with the same key.
   * @throws AcmeError, ProblemError, UnreachableError, StoreError
   */
  async place(request: OrderRequest): Promise<PlacedOrder> {
    try {
      return await this.#place(request);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.type !== "accountDoesNotExist") throw error;
    }
    await this.#register();
    return this.#place(request);
  }

  async #place(request: OrderRequest): Promise<PlacedOrder> {
    const client = this.#client();
    const order = await placeOrder(client, request);
    return {
      fulfil: (preferredChain) => fulfilOrder({ ...this.#parts, client }, order, { ...request, preferredChain }),
    };
  }

  async #register(): Promise<void> {
    const { log, store } = this.#parts;
    const { directoryUrl, email, names } = this.#options;
    const entry = entryNames(directoryUrl, names).account;
    this.#account = { ...this.#account, accountUrl: undefined, email };
    // Before the CA is asked: an account whose key is lost is one of ten that an address may make in three hours.
    await store.save(entry, entryText(this.#account));
    // Only now, so that it is told once: the next attempt finds what was saved.
    if (this.#isReplaced) log.warn({ entry }, "the kept acme account cannot be read: a new one is made");
    const client = this.#client();
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email === "" ? {} : { contact: [`mailto:${email}`] }),
    });
    this.#account = { ...this.#account, accountUrl: client.getAccountUrl() };
    await store.save(entry, entryText(this.#account));
    log.info({ directory: directoryUrl, termsOfService: this.directory.termsOfService }, "acme account made");
  }

  #client(): AcmeClient {
    const { directoryUrl, eab } = this.#options;
    const { key, accountUrl } = this.#account;
    return new AcmeClient(this.#transport, { directoryUrl, accountKey: key, accountUrl, externalAccount: eab });
  }
}

function checkOffer({ profiles, needsExternalAccount }: Directory, { profile, eab }: AcmeOptions): void {
  if (profile !== "" && !profiles.includes(profile)) {
    const offered = profiles.length === 0 ? "none" : profiles.join(", ");
    throw new AcmeError("ca-refused", `The CA does not offer the profile ${profile}; it offers ${offered}.`);
  }
  if (needsExternalAccount && eab === undefined) {
    const message = "The CA wants an account that you have with it: set ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY.";
    throw new AcmeError("ca-refused", message);
  }
}

/** The kept account, or a new key that no CA has seen. One of another directory is none: it was copied there by hand. */
async function loadAccount({ store }: DeskParts, { directoryUrl, names, email }: AcmeOptions): Promise<LoadedAccount> {
  const kept = await readAccount(store, entryNames(directoryUrl, names).account);
  if (typeof kept === "object" && kept.directoryUrl === directoryUrl) return { entry: kept, isReplaced: false };
  const key = await crypto.createPrivateEcdsaKey("P-256");
  const entry = { directoryUrl, key: key.toString(), accountUrl: undefined, email };
  return { entry, isReplaced: kept === "unreadable" };
}

async function readAccount(store: CertificateStore, name: string): Promise<AccountEntry | "unreadable" | undefined> {
  try {
    const text = await store.load(name);
    if (text === undefined) return undefined;
    const entry = readAccountEntry(text);
    return entry !== undefined && canSign(entry.key) ? entry : "unreadable";
  } catch (error) {
    if (error instanceof StoreError && error.code === "store-corrupt") return "unreadable";
    throw error;
  }
}

/** RFC 8555 section 6.2 leaves these, of the keys that acme-client signs with. */
function canSign(key: string): boolean {
  try {
    return ["ec", "rsa"].includes(createPrivateKey(key).asymmetricKeyType ?? "");
  } catch {
    return false;
  }
}
