import { type CloseCode, type Reconnect, reconnectAfter } from "../../protocol/close-codes.ts";
import type { V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { ConnectError, type PosternErrorCode } from "../errors.ts";
import type { Refusal, SocketEnd } from "./socket.ts";

/** The relay's last word before a close: WebKit hides some codes, and says 1006. */
export type LastWord = Extract<V1RelayMessage, { type: "error" }>;

/**
 * Whether another transport may do: `no` where the relay itself has said no, or its machine was not reached; `perhaps` where
 * nobody says why, or a proxy cannot reach the relay now; `yes` where somebody on the way does not let this one through.
 */
type TransportFault = "no" | "perhaps" | "yes";

/** What the end of a connection means. */
export type Ending = {
  readonly error: ConnectError;
  readonly reconnect: Reconnect;
  /** The relay wants to be left alone for so long. */
  readonly retryAfterMs: number;
  readonly transportFault: TransportFault;
};

/** Why a topic cannot be joined, whatever is tried; other codes are a `refused` with the relay's word as the cause. */
const finalTopicCodes: readonly PosternErrorCode[] = [
  "not-permitted",
  "unauthorized",
  "topic-full",
  "too-many-topics",
  "topic-invalid",
];

/** However long somebody says: so long is not waited. */
const MAX_RETRY_AFTER_MS = 300_000;
/** The relay's word while it stops. The one that follows may be there in a moment: back-off does, and is no burden to it. */
const DRAINING = "draining";
/** The relay's word where a proxy has made a plain request of an upgrade. */
const UPGRADE_STRIPPED = "upgrade-stripped";

/** As constants: the object of all close codes would have to be carried. */
const POLICY_VIOLATION: typeof CloseCode.policyViolation = 1008;
const MESSAGE_TOO_BIG: typeof CloseCode.messageTooBig = 1009;
const TRY_AGAIN_LATER: typeof CloseCode.tryAgainLater = 1013;
const GRANT_EXPIRED: typeof CloseCode.grantExpired = 4003;
const UNAUTHORIZED: typeof CloseCode.unauthorized = 4004;
const GRANT_REVOKED: typeof CloseCode.grantRevoked = 4005;
const TAKEN_OVER: typeof CloseCode.takenOver = 4006;

const codesByClose: Readonly<Record<number, PosternErrorCode>> = {
  1002: "protocol-error",
  1007: "protocol-error",
  [MESSAGE_TOO_BIG]: "payload-too-large",
  [POLICY_VIOLATION]: "refused",
  [TRY_AGAIN_LATER]: "refused",
  [GRANT_EXPIRED]: "unauthorized",
  [UNAUTHORIZED]: "unauthorized",
  [GRANT_REVOKED]: "unauthorized",
  [TAKEN_OVER]: "taken-over",
};

/** Of a connection that this client gives up. */
export function givenUp(code: PosternErrorCode, cause: string): Ending {
  return {
    error: new ConnectError(code, { cause }),
    reconnect: "back-off",
    retryAfterMs: 0,
    transportFault: "perhaps",
  };
}

/**
 * @param said the relay's last word, where it has said that a close follows.
 * @param hasBeenUp whether this address has once been a relay: then a proxy's no is taken for a passing one.
 */
export function endingOf(end: SocketEnd, said: LastWord | undefined, hasBeenUp: boolean): Ending {
  if (end.refusal !== undefined) return refused(end.refusal, end.cause, hasBeenUp);
  const code = end.code ?? closeOf(said);
  const reconnect = code === undefined || end.reason === "no join in time" ? "back-off" : reconnectAfter(code);
  const error = new ConnectError(codeOf(code, reconnect), {
    cause: end.cause ?? (said && wordsOf(said)) ?? (end.reason || (code && `closed with ${code}`)),
    status: code,
    requestId: said?.requestId,
  });
  return {
    error: end.cause instanceof ConnectError ? end.cause : error,
    reconnect,
    retryAfterMs: bounded(said?.retryAfterMs, said?.reason),
    transportFault: code === undefined && said === undefined && end.isUnreached !== true ? "perhaps" : "no",
  };
}

/** What only a person can change: the relay's own answer, or the first thing that was ever heard of this address. */
export function refused(refusal: Refusal, cause: unknown, hasBeenUp: boolean): Ending {
  const {
    status = 0,
    word,
    retryAfterMs,
    code = status === 401 ? "unauthorized" : "refused",
    passes = status >= 500 || status === 408 || status === 425 || status === 429,
  } = refusal;
  return {
    error: new ConnectError(code, { ...refusal, cause }),
    reconnect: passes || (word === undefined && hasBeenUp) ? "back-off" : "never",
    retryAfterMs: bounded(retryAfterMs, word),
    transportFault: faultOf(refusal, passes),
  };
}

/** @param passes whether the answer is about this moment. */
function faultOf({ code, word }: Refusal, passes: boolean): TransportFault {
  if (word === UPGRADE_STRIPPED) return "yes";
  // A proxy says the same to requests; and to ask it twice with a wrong password is once too often.
  if (code !== undefined || word !== undefined) return "no";
  return passes ? "perhaps" : "yes";
}

/** The relay's own words. */
function wordsOf({ payload, reason }: LastWord): string {
  return reason === undefined ? payload : `${payload} (${reason})`;
}

/** A planned stop, as the relay has announced it. */
export type Restart = {
  /** When it closes this connection. */
  readonly closesInMs: number;
  /** Within what random time after that it wants to be dialled again. */
  readonly reconnectWithinMs: number;
};

/** The code that goes with the last word, where none was seen. */
function closeOf(said: LastWord | undefined): number | undefined {
  if (said === undefined) return undefined;
  if (said.retryAfterMs !== undefined || said.code === "outbox-full") return TRY_AGAIN_LATER;
  if (said.code === "refused") return POLICY_VIOLATION;
  if (said.code !== "unauthorized") return undefined;
  if (said.reason === "expired") return GRANT_EXPIRED;
  return said.reason === "revoked" ? GRANT_REVOKED : UNAUTHORIZED;
}

function codeOf(code: number | undefined, reconnect: Reconnect): PosternErrorCode {
  return codesByClose[code ?? 0] ?? (reconnect === "never" ? "refused" : "unreachable");
}

function bounded(retryAfterMs = 0, word?: string): number {
  return word === DRAINING ? 0 : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
}

/** The code of a topic that cannot be joined, as apps know it. @returns undefined: it may be joined later, or the code is another's */
export function finalTopicCode(code: string): PosternErrorCode | undefined {
  return finalTopicCodes.find((known) => known === code);
}
