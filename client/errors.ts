/**
 * The codes of what can fail, each with the sentence for people and what to do about it. The codes are stable, the sentences
 * are not. No sentence names a topic, a token or a payload.
 * @see docs/client.md#errors
 */
export const errorTexts = {
  "address-invalid": ["A relay's address begins with wss:// or ws://", "Correct it."],
  "option-invalid": ["An option is out of range", "See the cause."],
  "topic-invalid": ["A topic is a string of 1 to 256 bytes of well-formed UTF-8", "Correct it."],
  "secret-invalid": ["The secret is too weak, or none", "Make one with newSecret()."],
  "no-cryptography": ["Sealing needs WebCrypto", "Serve the page over https."],
  "data-invalid": ["Data is a string or a Uint8Array, of at least one byte", "Correct it."],
  "payload-too-large": ["The payload is too large", "Cut it up: info.maxPayloadBytes."],
  unreachable: ["The relay cannot be reached", "See the cause; check the network."],
  "load-failed": ["A part of this client cannot be loaded", "See the cause; load the page anew."],
  intercepted: ["TLS is intercepted on the way", "See the cause."],
  "timed-out": ["It did not come in time", "Try again, or set timeoutMs."],
  aborted: ["The app's signal ended it", "Nothing."],
  closed: ["The app has closed it", "Join or connect again."],
  refused: ["The relay refuses this client", "See the cause."],
  unauthorized: ["The relay wants a valid token", "Pass a new token."],
  "not-permitted": ["The token does not permit this", "Pass another token."],
  "topic-full": ["The topic is full", "Try again later."],
  "too-many-topics": ["Too many topics are joined", "Leave one."],
  "already-joined": ["The topic is joined already", "Leave it first."],
  "taken-over": ["This client is back on another connection", "Nothing."],
  "protocol-error": ["No relay says this", "Check the address."],
  "no-such-peer": ["No such peer is in the topic", "See topic.peers."],
  "peer-gone": ["The peer has left", "Try again when it is back."],
  "request-refused": ["The other side's handler failed", "See the cause."],
  "no-handler": ["The other side answers no requests", "Call topic.onRequest there."],
  "backlog-full": ["Too much waits to be sent", "Await each send."],
  "would-wait": ["It would have to wait", "Try again later."],
  "plain-topic": ["Not in plain mode", "Join without plain."],
} as const;

/** What people are told of a code, and what to do about it. */
export type ErrorTexts = readonly [sentence: string, remedy: string];

/** Reasons of an entry of its own, which has the sentences: an app without that entry does not carry them. */
export type MailboxErrorCode =
  | "mailboxes-off"
  | "mailbox-full"
  | "no-such-mailbox"
  | "deposit-refused"
  | "store-failed"
  | "host-mismatch";

/** The same, about identities and key pairs. */
export type IdentityErrorCode = "key-invalid" | "identity-unsupported";

/** The same, about signed lists of relays. */
export type ListErrorCode = "list-invalid" | "list-expired";

/** The same, about streams. */
export type StreamErrorCode = "no-listener" | "too-many-streams" | "stream-aborted";

/** The same, about proxies, which only Node is told of. */
export type ProxyErrorCode = "proxy-invalid" | "proxy-unreachable" | "proxy-auth-required" | "proxy-refused";

/** A stable, machine-readable reason of a failure. */
export type PosternErrorCode =
  | keyof typeof errorTexts
  | MailboxErrorCode
  | IdentityErrorCode
  | ListErrorCode
  | StreamErrorCode
  | ProxyErrorCode;

const texts: Partial<Readonly<Record<PosternErrorCode, ErrorTexts>>> = errorTexts;

/** Everything that this package throws, rejects with, or tells by an `error` event. */
export class PosternError extends Error {
  override readonly name: string = "PosternError";
  readonly code: PosternErrorCode;
  /** What to do about it: a sentence for the developer or the user of the app. */
  readonly remedy: string;

  /** @param options `texts` where the code is of an entry of its own. */
  constructor(code: PosternErrorCode, options: { readonly cause?: unknown; readonly texts?: ErrorTexts } = {}) {
    const [sentence, remedy] = options.texts ?? texts[code] ?? [code, ""];
    super(`${sentence}${causeText(options.cause)}`, options);
    this.code = code;
    this.remedy = remedy;
  }
}

function causeText(cause: unknown): string {
  if (cause === undefined) return "";
  const text = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : "";
  return text === "" ? "" : `: ${text.replace(/\p{Cc}|\p{Cf}/gu, " ").slice(0, 300)}`;
}

/** The relay cannot be reached, refuses, or speaks another protocol. */
export class ConnectError extends PosternError {
  override readonly name: string = "ConnectError";
  /** The WebSocket close code (RFC 6455 section 7.4) or the HTTP status of the refusal, where there was one. */
  readonly status: number | undefined;
  /** Under which the operator finds the connection in the relay's log. */
  readonly requestId: string | undefined;

  constructor(code: PosternErrorCode, options: ConnectErrorOptions = {}) {
    super(code, options);
    this.status = options.status;
    this.requestId = options.requestId;
  }
}

/** What is known of a connection that failed. `texts` as of a PosternError. */
export type ConnectErrorOptions = {
  readonly cause?: unknown;
  readonly texts?: ErrorTexts;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
};

/** A topic cannot be joined, or was lost for good. */
export class TopicError extends PosternError {
  override readonly name: string = "TopicError";
}

/** A message was not sent, or a request not answered. */
export class DeliveryError extends PosternError {
  override readonly name: string = "DeliveryError";
}
