import { isToken, type V1MailboxRelayMessage } from "../../protocol/v1-mailbox-messages.ts";
import { toBase64 } from "../base64url.ts";
import { toBytes } from "../data.ts";
import { ConnectError, DeliveryError } from "../errors.ts";
import { checkedPublicKey, type KeyPair } from "../identity/key-pair.ts";
import type { MailboxHost } from "../mailbox-host.ts";
import { randomWord } from "../random.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { Data, WaitOptions } from "../topic.ts";
import type { DepositOptions, Mailbox, Mailboxes, OpenOptions } from "./mailbox.ts";
import { MailboxError } from "./mailbox-error.ts";
import { MailboxLine } from "./mailbox-line.ts";
import { OwnMailbox } from "./own-mailbox.ts";
import { checkedKey, OwnerKeys, proofOf } from "./owner-keys.ts";
import { NOTHING_AFTER, prove } from "./proof.ts";
import { SEALED_BYTES, SIGNED_SEALED_BYTES, sealDeposit } from "./sealed-deposit.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** Of owners that were deposited to: their keys are not asked for again. */
const MAX_KNOWN_OWNERS = 1000;
/** Key pairs that are shown to the relay beside those whose mailboxes are open. */
const MAX_SHOWN = 64;

/** What is known of an owner. */
type Owner = { readonly key: Uint8Array; readonly maxPayloadBytes: number };

/** The mailboxes at one relay: the own ones, and deposits into others. */
export class RelayMailboxes implements Mailboxes {
  readonly #host: MailboxHost;
  readonly #hostName: string;
  readonly #line: MailboxLine;
  readonly #own = new Map<string, OwnMailbox>();
  readonly #shown = new Map<string, KeyPair>();
  readonly #owners = new Map<string, Promise<Owner>>();
  /** Deposits are sealed one after the other: so they keep the order of the calls. */
  #sealing: Promise<unknown> = Promise.resolve();

  constructor(host: MailboxHost) {
    this.#host = host;
    this.#hostName = new URL(host.address).hostname;
    this.#line = new MailboxLine(host, {
      isNeeded: () => this.#own.size > 0,
      onUp: () => this.#up(),
      onDown: () => this.#each((mailbox) => mailbox.down()),
      onMessage: (message) => this.#receive(message),
      onStoreFailed: () => this.#each((mailbox) => mailbox.storeFailed()),
      onEnded: (error) => this.#each((mailbox) => mailbox.end(error)),
    });
  }

  async open(keys: KeyPair, options: OpenOptions = {}): Promise<Mailbox> {
    const { after, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    checkPlace(after);
    const owner = await OwnerKeys.of(this.#host.cryptography, keys);
    const { publicKey } = owner;
    if (this.#own.has(publicKey)) throw invalid("this mailbox is open already");
    this.#line.need();
    const parts = { host: this.#host, line: this.#line, keys: owner, hostName: this.#hostName };
    const mailbox = new OwnMailbox({ ...parts, onClosed: () => this.#own.delete(publicKey) }, { after });
    this.#own.set(publicKey, mailbox);
    void mailbox.up();
    try {
      await withTimeLimit(this.#host.clock, { timeoutMs, signal }, () => mailbox.opened);
      return mailbox;
    } catch (error) {
      await mailbox.close();
      throw error;
    }
  }

  async deposit(publicKey: string, data: Data, options: DepositOptions = {}): Promise<{ readonly id: string }> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, from, showToRelay = false } = options;
    checkedPublicKey(publicKey);
    checkDeposit(options);
    // A copy: the app may write to its own meanwhile.
    const bytes = toBytes(data, Number.POSITIVE_INFINITY).slice();
    const { clock } = this.#host;
    return withTimeLimit(clock, { timeoutMs, signal }, async (limit) => {
      const wait = { timeoutMs, signal: limit };
      if (showToRelay && from !== undefined) await this.#show(from);
      const owner = await this.#ownerOf(publicKey);
      const maxBytes = owner.maxPayloadBytes - (from === undefined ? SEALED_BYTES : SIGNED_SEALED_BYTES);
      toBytes(bytes, maxBytes);
      return this.#deposit({ publicKey, key: owner.key }, bytes, { ...options, ...wait });
    });
  }

  /** Ends all of it. */
  close(): void {
    this.#line.end(new ConnectError("closed"));
  }

  async #deposit(
    { publicKey, key }: { readonly publicKey: string; readonly key: Uint8Array },
    data: Uint8Array,
    { from, secret, expiresInMs, collapseKey, id = randomWord(), ...wait }: DepositOptions,
  ): Promise<{ readonly id: string }> {
    const to = { mailbox: publicKey, key, id };
    const sealing = this.#sealing.then(() => sealDeposit(this.#host.cryptography, to, data, from));
    this.#sealing = sealing.catch(() => undefined);
    const sealed = toBase64(await sealing);
    const deposit = {
      type: "deposit",
      mailbox: publicKey,
      data: sealed,
      id,
      expiresInMs,
      collapseKey,
      secret,
    } as const;
    await this.#line.ask(deposit, waitOf(wait));
    return { id };
  }

  /** The key of an owner: asked for once. */
  #ownerOf(publicKey: string): Promise<Owner> {
    const known = this.#owners.get(publicKey);
    if (known !== undefined) return known;
    const owner = this.#findOwner(publicKey);
    this.#owners.set(publicKey, owner);
    owner.catch(() => this.#owners.delete(publicKey));
    for (const oldest of this.#owners.keys()) {
      if (this.#owners.size <= MAX_KNOWN_OWNERS) break;
      this.#owners.delete(oldest);
    }
    return owner;
  }

  async #findOwner(mailbox: string): Promise<Owner> {
    const answer = await this.#line.ask({ type: "find-key", mailbox });
    if (answer.type !== "mailbox-key") throw new MailboxError("protocol-error");
    const key = await checkedKey(mailbox, answer);
    if (key === undefined) throw new MailboxError("protocol-error", { cause: "a key that its owner has not signed" });
    return { key, maxPayloadBytes: answer.maxPayloadBytes };
  }

  /** Proves a key to the relay, on each connection from now on. */
  async #show(keys: KeyPair): Promise<void> {
    if (this.#own.has(keys.publicKey) || this.#shown.has(keys.publicKey)) return;
    if (this.#shown.size >= MAX_SHOWN) throw invalid("showToRelay: too many key pairs");
    this.#shown.set(keys.publicKey, keys);
    if (this.#line.isUp) await this.#prove(keys);
  }

  async #prove(keys: KeyPair): Promise<void> {
    const { publicKey } = keys;
    const sign = (challenge: { readonly host: string; readonly nonce: string }): Promise<string> =>
      proofOf(keys, challenge);
    try {
      await prove(this.#line, { publicKey, host: this.#hostName, cursor: NOTHING_AFTER, sign });
    } catch (error) {
      // On the next connection it is proved before anything is asked.
      if (!(error instanceof ConnectError)) throw error;
    }
  }

  async #up(): Promise<void> {
    const shown = [...this.#shown.values()].filter(({ publicKey }) => !this.#own.has(publicKey));
    // What is not proved is refused to who asks for it.
    const proofs = shown.map((keys) => this.#prove(keys).catch(() => undefined));
    const opened = [...this.#own.values()].map((mailbox) => mailbox.up());
    await Promise.all([...opened, ...proofs]);
  }

  #receive(message: V1MailboxRelayMessage): void {
    this.#own.get(message.mailbox)?.receive(message);
  }

  #each(work: (mailbox: OwnMailbox) => void): void {
    for (const mailbox of this.#own.values()) work(mailbox);
  }
}

function waitOf({ timeoutMs, signal }: WaitOptions): WaitOptions {
  return { timeoutMs, signal };
}

/** @throws DeliveryError `option-invalid` */
function checkDeposit({ secret, collapseKey, id, expiresInMs, from, showToRelay }: DepositOptions): void {
  for (const [name, word] of Object.entries({ secret, collapseKey, id })) {
    if (word !== undefined && !isToken(word)) throw invalid(`${name}: 1 to 64 letters, digits, - and _`);
  }
  if (expiresInMs !== undefined && !(Number.isSafeInteger(expiresInMs) && expiresInMs > 0)) {
    throw invalid("expiresInMs: a whole number above 0");
  }
  if (showToRelay === true && from === undefined) throw invalid("showToRelay goes with from");
}

function checkPlace(after: number | undefined): void {
  if (after === undefined || (Number.isSafeInteger(after) && after >= 0)) return;
  throw invalid("after: the sequence of a message");
}

function invalid(cause: string): DeliveryError {
  return new DeliveryError("option-invalid", { cause });
}
