/**
 * The `code` of an `error` message, and the sentence that goes with it. The codes are stable, the sentences are not.
 * No sentence names a topic, a peer or a payload.
 * @see docs/protocol.md#errors
 */
export const errorSentences = {
  "bad-message": "The message is not a JSON object with a known type",
  "topic-required": "Topic is required for join",
  "topic-invalid": "A topic is a string of 1 to 256 bytes of well-formed UTF-8",
  "peer-id-invalid": "A peerId is a string of 1 to 128 bytes of well-formed UTF-8",
  "peer-id-taken": "Another connection uses this peerId in this topic",
  "too-many-topics": "This connection has joined as many topics as it may",
  "topic-full": "The topic has as many members as it may",
  "encoding-invalid": "The encoding is json or binary",
  "not-joined": "Join the topic first",
  "data-required": "Data is a string of at least one character",
  "payload-too-large": "The payload is larger than limits.maxPayloadBytes of joined",
  "payload-invalid": "A signal has a payload string of 1 to 65536 bytes",
  "to-invalid": "The addressee is a peerHandle, an integer from 1 to 4294967295, or a list of 1 to 64 of them",
  "ref-invalid": "A ref is an integer from 0 to 4294967295",
  "no-such-peer": "No member of this topic has this peerHandle",
  "peer-cannot-signal": "This member does not understand signals",
  omitted: "Messages of this member were not delivered to this one",
  restarting: "Not taken: this connection is about to be closed, as the relay restarts",
  "outbox-full": "More waits for this connection than may wait",
  refused: "This connection is refused: reason says why",
  unauthorized: "This relay wants a valid token first",
  "not-permitted": "The token does not permit this",
  "mailbox-invalid": "A mailbox is an Ed25519 public key: 32 bytes in base64url",
  "mailboxes-off": "This relay keeps no mailboxes",
  "mailbox-full": "The mailbox, or the relay, may hold no more",
  "deposit-refused": "The owner of the mailbox does not take this deposit",
  "no-such-mailbox": "Its owner has published no key here",
  "mailbox-not-open": "Prove first that the mailbox is yours",
  "too-many-mailboxes": "This connection has opened as many mailboxes as it may",
  "proof-invalid": "The signature does not prove that the mailbox is yours",
  "store-failed": "The store failed, and nothing was done",
} as const;

/** A stable, machine-readable reason for a refused message. */
export type ErrorCode = keyof typeof errorSentences;
