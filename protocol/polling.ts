/**
 * The long poll: the way to a relay where a proxy takes the WebSocket upgrade out, or swallows what comes behind it. All of
 * it is in headers, at the address that a WebSocket would be dialled at: no secret is in a URL, and a browser asks once
 * for permission, not for each number.
 * @see docs/protocol.md#long-poll
 */

/** The headers, as they are read: in lower case. */
export const PollHeader = {
  /** The session's token: whoever has it is the client. The client makes it, of random letters. */
  session: "postern-session",
  /** Of a request: the number of its upload, or of the batch it asks for. Of an answer: the same. */
  number: "postern-number",
  /** Of the answer to an upload: how many bytes an upload may have. */
  limit: "postern-limit",
  /** How many batches have come whole: the relay forgets them. */
  received: "postern-received",
  /** How many seconds the relay may keep the request waiting. */
  wait: "postern-wait",
  /** With the first upload: what `Sec-WebSocket-Protocol` says elsewhere, which pages may not set. */
  subprotocol: "postern-subprotocol",
} as const;

/** What a token looks like: at least 128 random bits as base64url. */
export const POLL_TOKEN: RegExp = /^[A-Za-z0-9_-]{22,64}$/;

/** Polls, and uploads, that may be under way at one time. */
export const REQUESTS_IN_FLIGHT = 2;
/** The body of an upload, where the relay takes as much: each says how much it takes, and none less than this. */
export const FIRST_UPLOAD_BYTES = 16_384;
/** And none more than this. */
export const MAX_UPLOAD_BYTES = 1_048_576;
/** The body of one answer. */
export const MAX_BATCH_BYTES = 1_048_576;
/** How long a poll is kept waiting, at most. */
export const MAX_POLL_WAIT_SECONDS = 20;

/**
 * What became of an upload: the whole body of its answer, all of one length, so that the headers may go ahead of it.
 * - `applied`: the relay has taken all of it;
 * - `not-yet`: it has it, and takes it later: ask again with the same number, without a body;
 * - `missing`: it does not have it: send it again with the same number;
 * - `refused`: it never takes it, because the conversation is over.
 */
export type Verdict = "applied" | "not-yet" | "missing" | "refused";

/** The verdict as a body: the word and a line feed. */
export const VERDICT_BYTES = 8;

/** The word of a refusal that says: this relay has no such session, open another one. */
export const UNKNOWN_SESSION = "unknown-session";

/** What a relay that takes long polls has among its features. */
export const POLLING_FEATURE = "polling";
