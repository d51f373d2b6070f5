import type { PosternError } from "../errors.ts";
import type { KeyPair } from "../identity/key-pair.ts";
import type { Data, WaitOptions } from "../topic.ts";

/** A message that has waited, or came while the mailbox was open. */
export type MailboxMessage = {
  /** Its place: rises from message to message, with gaps that mean nothing. What `after` and `delete` take. */
  readonly sequence: number;
  /** As its sender gave it, or its library made it. */
  readonly id: string;
  /** The bytes: the app's own. */
  readonly data: Uint8Array;
  /** The same as text: UTF-8, with U+FFFD for what is none. */
  readonly text: string;
  /** The public key of its sender, who has signed it; undefined: it is from anybody. */
  readonly from: string | undefined;
  /** When the relay stored it, in milliseconds since the epoch: by the relay's clock, and by its word. */
  readonly depositedAtMs: number;
};

/** A message that cannot be opened: not sealed for this mailbox, or changed. It stays until it is deleted. */
export type MailboxFault = { readonly sequence: number; readonly id: string };

/** What a mailbox tells, and what listeners get. */
export type MailboxEvents = {
  readonly fault: MailboxFault;
  /** It has ended: the relay does not let its owner back. */
  readonly error: PosternError;
};

/** What the owner allows. Without any of them: deposits of everybody. */
export type MailboxBounds = {
  /** Up to 64 public keys: only who proves to the relay to have one of them may deposit. */
  readonly depositors?: readonly string[] | undefined;
  /** What a deposit has to have: 1 to 64 letters, digits, `-`, `_`. The relay learns it from deposits. */
  readonly secret?: string | undefined;
};

/** How a mailbox is opened. */
export type OpenOptions = WaitOptions & {
  /** The `sequence` of the last message that this device needs no more; left out: from the oldest that is there. */
  readonly after?: number | undefined;
};

/** How messages are read. */
export type ReadOptions = {
  readonly signal?: AbortSignal | undefined;
  /** False: ends behind what waits now. True unless it is set: goes on with what comes. */
  readonly live?: boolean | undefined;
};

/** A mailbox that was opened by its owner. It stays open over cuts and restarts until `close`. */
export interface Mailbox extends AsyncDisposable {
  /** By which others deposit. */
  readonly publicKey: string;
  /**
   * The messages, oldest first, each once: what has waited, then what comes. None is gone because it was given: that takes a
   * `delete`. Several iterators share them. What the app does not take waits at the relay. Ends with `close` and with the signal.
   */
  messages(options?: ReadOptions): AsyncIterableIterator<MailboxMessage>;
  /**
   * Deletes a message for all devices of the owner. Resolves when it is gone for good.
   * @throws DeliveryError `timed-out`, `aborted`, `closed`; MailboxError `store-failed`
   */
  delete(message: number | { readonly sequence: number }, options?: WaitOptions): Promise<void>;
  /**
   * Sets anew who may deposit. Resolves when it is in force.
   * @throws as `delete`; MailboxError `mailbox-full`: the relay remembers no more of them
   */
  setBounds(bounds: MailboxBounds, options?: WaitOptions): Promise<void>;
  /** Reads nothing more. What was deposited waits on. Never rejects. */
  close(): Promise<void>;
  /** Calls a listener at each event until it is stopped. @returns stops it. */
  on<Name extends keyof MailboxEvents>(name: Name, listener: (event: MailboxEvents[Name]) => void): () => void;
}

/** How something is deposited. */
export type DepositOptions = WaitOptions & {
  /** Signs it: the owner sees from whom it is. The relay does not. */
  readonly from?: KeyPair | undefined;
  /** Proves `from` to the relay as well: for owners who let only some deposit. Then the relay knows who writes to whom. */
  readonly showToRelay?: boolean | undefined;
  /** The one that the owner's bounds want. */
  readonly secret?: string | undefined;
  /** After so long it is not delivered any more; left out, or longer than the relay keeps messages: as long as that. */
  readonly expiresInMs?: number | undefined;
  /** Takes the place of an earlier one with the same word. The relay sees it: 1 to 64 letters, digits, `-`, `_`. */
  readonly collapseKey?: string | undefined;
  /** Deposited a second time under the same id, while the first is there, it is there once. Left out: a new one. */
  readonly id?: string | undefined;
};

/** The mailboxes at one relay. Apps ask `mailboxesOf`. */
export interface Mailboxes {
  /**
   * Opens the mailbox of a key pair, which its owner can export. Others can deposit from then on.
   * @param options `timeoutMs` is 30,000 unless it is set; afterwards the mailbox waits for ever.
   * @throws TopicError `key-invalid`, `identity-unsupported`, `no-cryptography`; MailboxError `mailboxes-off`, `host-mismatch`,
   *   `not-permitted`, `mailbox-full`, `store-failed`, `refused`; DeliveryError `timed-out`, `aborted`, `closed`, `option-invalid`
   *   where it is open already
   */
  open(keys: KeyPair, options?: OpenOptions): Promise<Mailbox>;
  /**
   * Deposits 1 byte up to what the relay carries, sealed for the owner of this public key. Resolves when the relay has stored it:
   * docs/mailbox.md says what that means. Over cuts it is deposited again, and stored once.
   * @param options `timeoutMs` is 30,000 unless it is set; after `timed-out` it may be stored all the same.
   * @throws MailboxError `no-such-mailbox`, `mailbox-full`, `deposit-refused`, `store-failed`, `mailboxes-off`, `not-permitted`,
   *   `payload-too-large`; DeliveryError `data-invalid`, `payload-too-large`, `option-invalid`, `backlog-full`, `timed-out`, `aborted`,
   *   `closed`; TopicError as `open`
   */
  deposit(publicKey: string, data: Data, options?: DepositOptions): Promise<{ readonly id: string }>;
}
