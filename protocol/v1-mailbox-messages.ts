import type { ErrorCode } from "./error-codes.ts";
import { isCount, isData, isFlag, isRef, isWord, optional } from "./fields.ts";
import { type MessageTable, readMessage, type Unreadable, type UntrustedObject, writeMessage } from "./json-message.ts";

/** The client's own number for a message. */
type Ref = number | undefined;

/** An owner may allow so many senders by name. */
const MAX_DEPOSITORS = 64;

/** What the owner of a mailbox allows; without a bound, every deposit that the relay takes. */
export type DepositBounds = {
  /** The keys of those who may deposit: each has to have proved its own on the connection that deposits. */
  readonly depositors?: readonly string[] | undefined;
  /** A secret that every deposit has to have. */
  readonly secret?: string | undefined;
};

/** To what a deposit is sealed: an X25519 key, and the signature of `mailboxKeyText` by the mailbox's own; both in base64url. */
export type MailboxKey = { readonly key: string; readonly signature: string };

/**
 * What a client says about mailboxes. A mailbox is an Ed25519 public key, in base64url.
 * @see docs/mailbox.md#on-the-wire
 */
export type V1MailboxMessage =
  | {
      readonly type: "deposit";
      readonly mailbox: string;
      readonly data: string;
      /** Once per mailbox: the same deposit sent again is the same. Left out: the relay makes one. */
      readonly id?: string | undefined;
      readonly expiresInMs?: number | undefined;
      /** Takes the place of the one that the same sender deposited with it. */
      readonly collapseKey?: string | undefined;
      /** The one of the owner's bounds. */
      readonly secret?: string | undefined;
      readonly ref?: Ref;
    }
  | {
      readonly type: "open-mailbox";
      readonly mailbox: string;
      /** The sequence of the last message that this device has; left out: it has none. */
      readonly cursor?: number | undefined;
      /** Whether `mailbox-current` is to stand behind what waits. */
      readonly marksCurrent?: boolean | undefined;
      readonly ref?: Ref;
    }
  /** The answer to a challenge. @property signature of `mailboxProofText`, in base64url. */
  | { readonly type: "prove"; readonly mailbox: string; readonly signature: string; readonly ref?: Ref }
  /** Answered where it has a `ref`. */
  | { readonly type: "delete"; readonly mailbox: string; readonly sequence: number; readonly ref?: Ref }
  /** Nothing more of it is given until it is opened again; the proof holds. It has no answer. */
  | { readonly type: "close-mailbox"; readonly mailbox: string; readonly ref?: Ref }
  /** The owner tells to which key deposits are to be sealed. */
  | ({ readonly type: "publish-key"; readonly mailbox: string; readonly ref?: Ref } & MailboxKey)
  /** Whoever wants to deposit asks for it. */
  | { readonly type: "find-key"; readonly mailbox: string; readonly ref?: Ref }
  /** Sets the bounds anew; with none, lifts them. */
  | ({ readonly type: "bound-mailbox"; readonly mailbox: string; readonly ref?: Ref } & DepositBounds);

/**
 * What the relay says about mailboxes. Clients that have none need not know it: they pass over it as over any message that is
 * newer than they are.
 */
export type V1MailboxRelayMessage =
  /** The deposit is stored. @property id of the message in the mailbox. */
  | { readonly type: "deposited"; readonly mailbox: string; readonly id: string; readonly ref?: Ref }
  /** Prove it: sign `mailboxProofText`. @property host as the relay was dialled. */
  | {
      readonly type: "challenge";
      readonly mailbox: string;
      readonly host: string;
      readonly nonce: string;
      readonly ref?: Ref;
    }
  /** The mailbox is this connection's, or its bounds are set, or its key is kept. Its messages follow the first. */
  | {
      readonly type: "mailbox-opened" | "mailbox-bounded" | "key-published";
      readonly mailbox: string;
      readonly ref?: Ref;
    }
  /** The message is there no more. */
  | { readonly type: "deleted"; readonly mailbox: string; readonly sequence: number; readonly ref?: Ref }
  /** All that waited has been given; what follows came later. */
  | { readonly type: "mailbox-current"; readonly mailbox: string }
  /** @property maxPayloadBytes of a deposit, as of data in topics. */
  | ({
      readonly type: "mailbox-key";
      readonly mailbox: string;
      readonly maxPayloadBytes: number;
      readonly ref?: Ref;
    } & MailboxKey)
  | {
      readonly type: "mailbox-message";
      readonly mailbox: string;
      readonly sequence: number;
      readonly id: string;
      readonly depositedAtMs: number;
      readonly data: string;
    };

const fromRelay: MessageTable<V1MailboxRelayMessage> = {
  deposited: { mailbox: isMailbox, id: isWord, ref: optional(isRef) },
  challenge: { mailbox: isMailbox, host: isHost, nonce: isWord, ref: optional(isRef) },
  "mailbox-opened": { mailbox: isMailbox, ref: optional(isRef) },
  "mailbox-bounded": { mailbox: isMailbox, ref: optional(isRef) },
  "key-published": { mailbox: isMailbox, ref: optional(isRef) },
  deleted: { mailbox: isMailbox, sequence: isCount, ref: optional(isRef) },
  "mailbox-current": { mailbox: isMailbox },
  "mailbox-key": {
    mailbox: isMailbox,
    key: isMailbox,
    signature: isSignature,
    maxPayloadBytes: isCount,
    ref: optional(isRef),
  },
  "mailbox-message": { mailbox: isMailbox, sequence: isCount, id: isWord, depositedAtMs: isCount, data: isData },
};

/** Reads one text frame of the relay. Never throws. What is about something else is `unknown`. */
export function decodeV1MailboxRelayMessage(text: string): V1MailboxRelayMessage | Unreadable {
  return readMessage(fromRelay, text);
}

/** Writes a message to a v1 client. */
export function encodeV1MailboxRelayMessage(message: V1MailboxRelayMessage): string {
  return writeMessage(fromRelay, message);
}

/**
 * What the owner of a mailbox signs to prove it, as UTF-8: good for this challenge, on this relay, and nothing else.
 * @param host what the client dialled, in lower case, without a port.
 */
export function mailboxProofText(
  mailbox: string,
  { host, nonce }: { readonly host: string; readonly nonce: string },
): string {
  return `postern mailbox\n${host}\n${mailbox}\n${nonce}`;
}

/**
 * What the owner of a mailbox signs to tell to which key deposits are to be sealed, as UTF-8.
 * @param key an X25519 key in base64url.
 */
export function mailboxKeyText(mailbox: string, key: string): string {
  return `postern mailbox key\n${mailbox}\n${key}`;
}

/** Whether this is 32 bytes in base64url, as a key is. */
export function isMailbox(value: unknown): value is string {
  // The last digit has four bits of the key, and two that are 0.
  return typeof value === "string" && /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(value);
}

/** Whether this is 64 bytes in base64url, as a signature is. */
function isSignature(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{86}$/.test(value);
}

/** Whether this may be the id of a deposit, a collapse key or a secret: 1 to 64 letters, digits, `-` and `_`. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(value);
}

const types: ReadonlySet<unknown> = new Set([
  "deposit",
  "open-mailbox",
  "prove",
  "delete",
  "close-mailbox",
  "bound-mailbox",
  "publish-key",
  "find-key",
]);

/** Whether a message is one of these. */
export function isMailboxType(type: unknown): type is V1MailboxMessage["type"] {
  return types.has(type);
}

/** Reads the fields of one of these. @returns why it cannot be taken, where it cannot. */
export function decodeV1MailboxMessage(
  type: V1MailboxMessage["type"],
  object: UntrustedObject,
  ref: Ref,
): V1MailboxMessage | ErrorCode {
  const { mailbox } = object;
  if (!isMailbox(mailbox)) return "mailbox-invalid";
  switch (type) {
    case "deposit":
      return decodeDeposit(mailbox, object, ref);
    case "open-mailbox": {
      const { cursor, marksCurrent } = object;
      if (!optional(isCount)(cursor) || !optional(isFlag)(marksCurrent)) return "bad-message";
      return { type, mailbox, cursor, marksCurrent, ref };
    }
    case "prove": {
      const { signature } = object;
      return isSignature(signature) ? { type, mailbox, signature, ref } : "proof-invalid";
    }
    case "delete": {
      const { sequence } = object;
      return isCount(sequence) ? { type, mailbox, sequence, ref } : "bad-message";
    }
    case "close-mailbox":
    case "find-key":
      return { type, mailbox, ref };
    case "publish-key": {
      const { key, signature } = object;
      if (!isMailbox(key)) return "bad-message";
      return isSignature(signature) ? { type, mailbox, key, signature, ref } : "proof-invalid";
    }
    case "bound-mailbox": {
      const { depositors, secret } = object;
      if (!optional(areMailboxes)(depositors) || !optional(isToken)(secret)) return "bad-message";
      return { type, mailbox, depositors, secret, ref };
    }
  }
}

function decodeDeposit(mailbox: string, object: UntrustedObject, ref: Ref): V1MailboxMessage | ErrorCode {
  const { data, id, expiresInMs, collapseKey, secret } = object;
  if (!isData(data)) return "data-required";
  if (!optional(isToken)(id) || !optional(isCount)(expiresInMs)) return "bad-message";
  if (!optional(isToken)(collapseKey) || !optional(isToken)(secret)) return "bad-message";
  return { type: "deposit", mailbox, data, id, expiresInMs, collapseKey, secret, ref };
}

/** Writes one of these. */
export function encodeV1MailboxMessage({ type, mailbox, ref, ...fields }: V1MailboxMessage): string {
  return JSON.stringify({ type, mailbox, ...fields, ref });
}

/** RFC 3986 section 3.2.2; an empty one where the client sent none. */
function isHost(value: unknown): value is string {
  return typeof value === "string" && value.length <= 255;
}

function areMailboxes(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_DEPOSITORS && value.every(isMailbox);
}
