import type { V1MailboxRelayMessage } from "../../protocol/v1-mailbox-messages.ts";
import { fromBase64 } from "../base64url.ts";
import { Emitter } from "../emitter.ts";
import { ConnectError, DeliveryError, PosternError } from "../errors.ts";
import type { MailboxHost } from "../mailbox-host.ts";
import type { WaitOptions } from "../topic.ts";
import type { Mailbox, MailboxBounds, MailboxEvents, MailboxMessage, ReadOptions } from "./mailbox.ts";
import type { MailboxLine } from "./mailbox-line.ts";
import { MessageReader } from "./message-reader.ts";
import type { OwnerKeys } from "./owner-keys.ts";
import { NOTHING_AFTER, prove } from "./proof.ts";
import { openDeposit } from "./sealed-deposit.ts";

/** So much is here that the app has not taken; the rest waits at the relay. */
const MAX_HELD_COUNT = 1000;
const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** Ids of messages that were given: one that is deposited again because its answer was lost is given once. */
const MAX_KNOWN_IDS = 1000;
/** After the store of the relay has failed. */
const RETRY_MS = 2000;

type Incoming = Extract<V1MailboxRelayMessage, { type: "mailbox-message" }>;

/** What a mailbox is made of. */
export type OwnMailboxParts = {
  readonly host: MailboxHost;
  readonly line: MailboxLine;
  readonly keys: OwnerKeys;
  /** As it was dialled. */
  readonly hostName: string;
  readonly onClosed: () => void;
};

/** A mailbox of this end: proves itself on each connection, and goes on behind what it has. */
export class OwnMailbox implements Mailbox {
  readonly opened: Promise<void>;
  readonly #parts: OwnMailboxParts;
  readonly #emitter = new Emitter<MailboxEvents>();
  readonly #reader: MessageReader;
  readonly #isOpened = Promise.withResolvers<void>();
  #hasOpened = false;
  /** The last one that has come. */
  #newest: number;
  /** What comes is given: between the answer to the proof, and a pause or the end of the connection. */
  #isGiven = false;
  #isPaused = false;
  #isOver = false;
  #heldCount = 0;
  #heldBytes = 0;
  readonly #knownIds = new Set<string>();
  /** One after the other: what opens it, and what is opened. */
  #opening: Promise<void> = Promise.resolve();
  #taking: Promise<void> = Promise.resolve();

  constructor(parts: OwnMailboxParts, { after = 0 }: { readonly after?: number | undefined }) {
    this.#parts = parts;
    this.#newest = after;
    this.opened = this.#isOpened.promise;
    this.opened.catch(() => undefined);
    this.#reader = new MessageReader((message) => this.#release(message.data.length));
  }

  get publicKey(): string {
    return this.#parts.keys.publicKey;
  }

  messages(options: ReadOptions = {}): AsyncIterableIterator<MailboxMessage> {
    // What has waited until now is known anew.
    if (options.live === false && this.#reader.isCurrent) void this.up();
    return this.#reader.read(options);
  }

  async delete(message: number | { readonly sequence: number }, options: WaitOptions = {}): Promise<void> {
    const sequence = typeof message === "number" ? message : message.sequence;
    await this.#ask({ type: "delete", mailbox: this.publicKey, sequence }, options);
  }

  async setBounds({ depositors, secret }: MailboxBounds, options: WaitOptions = {}): Promise<void> {
    await this.#ask({ type: "bound-mailbox", mailbox: this.publicKey, depositors, secret }, options);
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    if (this.#isGiven) this.#parts.line.tell({ type: "close-mailbox", mailbox: this.publicKey });
    this.#finish(new DeliveryError("closed"));
    this.#parts.line.rest();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on<Name extends keyof MailboxEvents>(name: Name, listener: (event: MailboxEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Proves itself on the connection that there is. Never rejects. */
  up(): Promise<void> {
    this.#reader.setCurrent({ isCurrent: false });
    this.#opening = this.#opening.then(() => this.#open());
    return this.#opening;
  }

  down(): void {
    this.#isGiven = false;
    this.#reader.setCurrent({ isCurrent: false });
  }

  /** Takes what the relay says of this mailbox. */
  receive(message: V1MailboxRelayMessage): void {
    if (this.#isOver) return;
    if (message.type === "mailbox-opened") this.#isGiven = !this.#isPaused;
    else if (message.type === "mailbox-message") this.#receiveMessage(message);
    else if (message.type === "mailbox-current" && this.#isGiven) {
      this.#taking = this.#taking.then(() => this.#reader.setCurrent({ isCurrent: this.#isGiven }));
    }
  }

  /** The store of the relay has failed: what is open there may not be this one, which is opened again in any case. */
  storeFailed(): void {
    this.#parts.host.clock.after(RETRY_MS, () => void this.up());
  }

  /** The relay does not let it back. */
  end(error: PosternError): void {
    if (this.#isOver) return;
    this.#finish(error);
    if (this.#hasOpened) this.#emitter.emit("error", error);
  }

  async #open(): Promise<void> {
    const { line, keys, hostName } = this.#parts;
    if (this.#isOver || !line.isUp) return;
    this.#isGiven = false;
    try {
      await prove(line, {
        publicKey: this.publicKey,
        host: hostName,
        cursor: this.#isPaused ? NOTHING_AFTER : this.#newest,
        sign: (challenge) => keys.prove(challenge),
      });
      await line.askHere({ type: "publish-key", mailbox: this.publicKey, ...(await keys.publication()) });
      this.#hasOpened = true;
      this.#isOpened.resolve();
    } catch (error) {
      this.#failed(error instanceof PosternError ? error : new ConnectError("unreachable", { cause: error }));
    }
  }

  #failed(error: PosternError): void {
    // The next connection is another attempt.
    if (error instanceof ConnectError) return;
    const passes = this.#hasOpened && (error.code === "store-failed" || error.code === "mailbox-full");
    if (passes) this.storeFailed();
    else this.end(error);
  }

  #receiveMessage(message: Incoming): void {
    if (!this.#isGiven || message.sequence <= this.#newest) return;
    this.#newest = message.sequence;
    this.#heldCount += 1;
    this.#heldBytes += message.data.length;
    this.#taking = this.#taking.then(() => this.#take(message));
    if (this.#heldCount >= MAX_HELD_COUNT || this.#heldBytes >= MAX_HELD_BYTES) this.#pause();
  }

  /** Never rejects. */
  async #take({ sequence, id, depositedAtMs, data }: Incoming): Promise<void> {
    const { host, keys } = this.#parts;
    const sealed = fromBase64(data);
    const opened = sealed && (await openDeposit(host.cryptography, keys, id, sealed).catch(() => undefined));
    // From here on it is held as what the app takes.
    this.#heldBytes += (opened?.data.length ?? 0) - data.length;
    if (this.#isOver) return;
    if (opened === undefined) {
      this.#release(0);
      this.#emitter.emit("fault", { sequence, id });
    } else if (this.#knownIds.has(id)) {
      this.#release(opened.data.length);
      this.delete(sequence).catch(() => undefined);
    } else {
      this.#know(id);
      this.#reader.push(messageOf({ sequence, id, depositedAtMs, ...opened }));
    }
  }

  #know(id: string): void {
    this.#knownIds.add(id);
    for (const oldest of this.#knownIds) {
      if (this.#knownIds.size <= MAX_KNOWN_IDS) return;
      this.#knownIds.delete(oldest);
    }
  }

  #pause(): void {
    this.#isPaused = true;
    this.#isGiven = false;
    this.#reader.setCurrent({ isCurrent: false });
    this.#parts.line.tell({ type: "close-mailbox", mailbox: this.publicKey });
  }

  #release(bytes: number): void {
    this.#heldCount -= 1;
    this.#heldBytes -= bytes;
    if (!this.#isPaused || this.#heldCount > MAX_HELD_COUNT / 2 || this.#heldBytes > MAX_HELD_BYTES / 2) return;
    this.#isPaused = false;
    void this.up();
  }

  async #ask(...question: Parameters<MailboxLine["ask"]>): Promise<void> {
    if (this.#isOver) throw new DeliveryError("closed");
    await this.#parts.line.ask(...question);
  }

  #finish(error: PosternError): void {
    this.#isOver = true;
    this.#isGiven = false;
    this.#reader.finish();
    this.#isOpened.reject(error);
    this.#parts.onClosed();
  }
}

function messageOf(message: Omit<MailboxMessage, "text">): MailboxMessage {
  return {
    ...message,
    get text() {
      return new TextDecoder().decode(message.data);
    },
  };
}
