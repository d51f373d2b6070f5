/**
 * The codes of what can fail, each with the sentence for people and what to do about it. The codes are stable, the sentences
 * are not. No sentence names a topic, a token or a payload.
 * @see docs/client.md#errors
 */
export const errorTexts = {
  "address-invalid": ["The address of a relay begins with wss:// or ws://", "Pass it as the relay prints it."],
  "option-invalid": ["An option has a value that it cannot have", "The cause names the option and its range."],
  "topic-invalid": ["A topic is a string of 1 to 256 bytes of well-formed UTF-8", "Choose another name."],
  "data-invalid": ["Data is a string or a Uint8Array, of at least one byte", "Pass text or bytes."],
  "payload-too-large": [
    "The payload is larger than the relay lets through",
    "Cut it up: info.maxPayloadBytes is the limit.",
  ],
  unreachable: [
    "The relay cannot be reached",
    "See the cause: an address, a certificate, a proxy, or a relay that is down.",
  ],
  "timed-out": ["It did not come in time", "Try again, or wait longer: timeoutMs."],
  aborted: ["The signal of the caller ended it", "Nothing: the app wanted it so."],
  closed: ["It was closed by the app", "Do not use a topic after leave, or a relay after close."],
  refused: ["The relay refuses this client", "The cause says why; ask who runs the relay."],
  unauthorized: ["The relay wants a token that it accepts", "Pass a token, or a function that gets a new one."],
  "not-permitted": ["The token does not permit this", "Ask who made the token for this topic or for publish."],
  "topic-full": ["The topic has as many members as it may", "Try again later, or use another topic."],
  "too-many-topics": ["This connection has joined as many topics as it may", "Leave one first."],
  "already-joined": [
    "This relay object has joined this topic already",
    "Use the topic that join gave, or leave it first.",
  ],
  "taken-over": ["The same client is back on another connection", "Nothing, where the other one is yours."],
  "feature-missing": ["This relay is too old for that", "The cause names the feature; update the relay."],
  "protocol-error": ["The relay said what no client can read", "Check the address: perhaps it is no relay."],
  "no-such-peer": ["Nobody with this id is in the topic", "Look at topic.peers."],
  "peer-gone": ["The peer left before it had everything", "Send it again when the peer is back."],
  "request-refused": ["The other side's handler failed", "The cause is its message."],
  "no-handler": ["The other side answers no requests", "It has to call topic.onRequest."],
  "backlog-full": ["Too much waits to be sent", "Await each broadcast and send before the next."],
  "would-wait": ["It would have to wait, and wait: false was asked", "Try again, or let it wait."],
  "plain-topic": ["A topic in plain mode has no numbers, so this does not work there", "Join without plain: true."],
} as const;

/** A stable, machine-readable reason of a failure. */
export type PosternErrorCode = keyof typeof errorTexts;

/** Everything that this package throws, rejects with, or tells by an `error` event. */
export class PosternError extends Error {
  override readonly name: string = "PosternError";
  readonly code: PosternErrorCode;
  /** What to do about it: a sentence for the developer or the user of the app. */
  readonly remedy: string;

  constructor(code: PosternErrorCode, options: { readonly cause?: unknown } = {}) {
    super(`${errorTexts[code][0]}${causeText(options.cause)}`, options);
    this.code = code;
    this.remedy = errorTexts[code][1];
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

/** What is known of a connection that failed. */
export type ConnectErrorOptions = {
  readonly cause?: unknown;
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
