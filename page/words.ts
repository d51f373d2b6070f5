import { PosternError, type PosternErrorCode } from "../client/errors.ts";

/** A failure as somebody reads it who has never heard of close codes. */
export type Words = {
  readonly title: string;
  /** What has happened. */
  readonly meaning: string;
  /** What to do. */
  readonly advice: string;
};

/** What is looked at of a failure: a `PosternError`. */
export type Failure = {
  readonly code: PosternErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly cause?: unknown;
};

const TRY_LATER = "Wait a minute, and try again.";

/** Refusals with a word of the relay: docs/protocol.md, Refused pages. */
const REFUSALS: Readonly<Record<string, Words>> = {
  origin: {
    title: "This page may not connect",
    meaning: "The relay takes pages of certain sites alone (ALLOWED_ORIGINS), and its own address is not among them.",
    advice: "Whoever runs the relay can add the address of this page to that list.",
  },
  address: {
    title: "Your network may not connect",
    meaning: "The relay is closed to the address that you come from (IP_ALLOW, IP_DENY).",
    advice: "Try it from another network, or ask whoever runs the relay.",
  },
  "address-rate": {
    title: "Too many attempts from your network",
    meaning: "Your network opens connections faster than the relay allows (CONNECTIONS_PER_IP_PER_MINUTE).",
    advice: TRY_LATER,
  },
  "address-connections": {
    title: "Too many connections from your network",
    meaning: "Your network has as many connections as one may have (MAX_CONNECTIONS_PER_IP).",
    advice: "Close another tab or app that uses this relay, and try again.",
  },
  returning: {
    title: "Refused too often",
    meaning: "The relay has said no several times, and now it does not look at the reason again for a while.",
    advice: TRY_LATER,
  },
  "max-connections": {
    title: "The relay is full",
    meaning: "It holds as many connections as it may (MAX_CONNECTIONS).",
    advice: TRY_LATER,
  },
  memory: {
    title: "The relay is short of memory",
    meaning: "Until it has more, it takes nobody in (MAX_RSS_BYTES).",
    advice: TRY_LATER,
  },
  undecided: {
    title: "Too many are on their way in",
    meaning: "The relay holds as many connections without a topic as it may (MAX_UNDECIDED_CONNECTIONS).",
    advice: TRY_LATER,
  },
  "check-timeout": {
    title: "The token could not be checked",
    meaning: "The relay had to fetch the keys that tokens are checked with, and did not get them in time.",
    advice: TRY_LATER,
  },
  draining: {
    title: "The relay is stopping",
    meaning: "It takes nobody in any more. Often it is back in a moment, with a new version.",
    advice: "Try again in a moment.",
  },
};

/** By the code of the error. */
const FAILURES: Partial<Record<PosternErrorCode, Words>> = {
  unreachable: {
    title: "The relay does not answer",
    meaning:
      "The page came, and its WebSocket did not get through: the relay has stopped, or a proxy lets no WebSockets pass.",
    advice:
      "Reload the page. If it comes and this stays, a proxy between you and the relay has to let WebSockets through.",
  },
  unauthorized: {
    title: "This relay wants a token",
    meaning: "Whoever runs it hands out tokens, and it lets nobody in without a good one.",
    advice: "Enter yours here. It stays in this tab, and is sent to this relay alone.",
  },
  "not-permitted": {
    title: "The token does not permit this topic",
    meaning: "It is good, but not for this topic, or not for sending to it.",
    advice: "Enter another one, or ask whoever runs the relay for one that names this topic.",
  },
  "topic-full": {
    title: "The topic is full",
    meaning: "It has as many members as one topic may have (MAX_MEMBERS_PER_TOPIC).",
    advice: "Wait until somebody leaves, or start another topic.",
  },
  "secret-invalid": {
    title: "This link is not complete",
    meaning: "Behind # should be a secret of 43 letters, digits, - and _; what is there is none.",
    advice: "Copy the whole link again, or start a topic of your own.",
  },
  "no-cryptography": {
    title: "The browser has no cryptography for this page",
    meaning: "It came over plain HTTP from another machine, and browsers give such pages no WebCrypto.",
    advice: "Open it by https:, or on the relay's machine as http://localhost with its port.",
  },
  "taken-over": {
    title: "Another tab has taken over",
    meaning: "This member is back on another connection.",
    advice: "Go on there, or try again here.",
  },
  "protocol-error": {
    title: "This is not a relay's answer",
    meaning: "Something between you and the relay answers in its place.",
    advice: "Ask whoever runs your network, or try another one.",
  },
};

/** What a failure means, and what to do about it. Of attempts that were made until the time was over, the last one counts. */
export function wordsFor({ code, message, remedy, cause }: Failure): Words {
  if (code === "unreachable" && cause instanceof PosternError) return wordsFor(cause);
  const word = code === "refused" ? lastWordOf(cause) : undefined;
  const words = word === undefined ? FAILURES[code] : REFUSALS[word];
  return words ?? { title: "This did not work", meaning: `${message}.`, advice: remedy };
}

/** `The relay refuses (origin)`, or the word alone: which of the two a browser sees depends on the browser. */
function lastWordOf(cause: unknown): string | undefined {
  const text = cause instanceof Error ? cause.message : cause;
  const [, word] = typeof text === "string" ? (/([a-z-]+)\)?$/.exec(text) ?? []) : [];
  return word;
}
