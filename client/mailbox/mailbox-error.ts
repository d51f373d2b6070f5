import type { V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { type ErrorTexts, type MailboxErrorCode, PosternError, type PosternErrorCode } from "../errors.ts";

/** The codes about mailboxes, as `errorTexts` has the others. @see docs/client.md#errors */
export const mailboxErrorTexts: Readonly<Record<MailboxErrorCode, ErrorTexts>> = {
  "mailboxes-off": ["The relay keeps no mailboxes", "Use another relay."],
  "mailbox-full": ["The mailbox or the relay may hold no more", "Try again later."],
  "no-such-mailbox": ["Its owner has not opened it at this relay", "Ask its owner."],
  "deposit-refused": ["The owner does not take this deposit", "Ask its owner."],
  "store-failed": ["The relay could not store it", "Try again later."],
  "host-mismatch": ["The relay knows itself by another name", "Check the Host header of a proxy."],
};

const own: Partial<Readonly<Record<PosternErrorCode, ErrorTexts>>> = mailboxErrorTexts;

/** The relay, or the owner of a mailbox, does not do what was asked. */
export class MailboxError extends PosternError {
  override readonly name: string = "MailboxError";

  constructor(code: PosternErrorCode, options: { readonly cause?: unknown } = {}) {
    const texts = own[code];
    super(code, texts === undefined ? options : { ...options, texts });
  }
}

const known: ReadonlySet<string> = new Set([
  "mailboxes-off",
  "mailbox-full",
  "no-such-mailbox",
  "deposit-refused",
  "store-failed",
  "not-permitted",
  "unauthorized",
  "payload-too-large",
] satisfies PosternErrorCode[]);

/** What a refusal of the relay means. */
export function refusalOf({ code, payload }: Extract<V1RelayMessage, { type: "error" }>): MailboxError {
  return new MailboxError(isKnown(code) ? code : "refused", { cause: code ?? payload });
}

function isKnown(code: string | undefined): code is PosternErrorCode {
  return code !== undefined && known.has(code);
}
