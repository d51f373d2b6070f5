/** A topic name is 1..256 bytes of UTF-8: room for a hash, a path or a sentence, and a bound on what a stranger stores. */
export const MAX_TOPIC_BYTES = 256;

/** A peer id is 1..128 bytes of UTF-8: room for a public key in hex. */
export const MAX_PEER_ID_BYTES = 128;

/** The payload of `offer`, `answer` and `candidate` is at most 64 KiB of UTF-8: a large SDP is about 10 KiB. */
export const MAX_SIGNAL_BYTES = 65_536;

/** `ref` and handles are unsigned 32-bit integers, so that every encoding can carry them in four bytes. */
export const MAX_UINT32 = 0xffff_ffff;

/** `data` may be addressed to at most so many members at once. */
export const MAX_ADDRESSEES = 64;

/** What the relay says to programs in one word (a code, a reason, a request id) is at most 128 bytes. */
export const MAX_WORD_BYTES = 128;

/** What the relay says to people is at most 1 KiB. */
export const MAX_SENTENCE_BYTES = 1024;

/** An attestation is at most 512 bytes of base64url: one of four certificates has 306. */
export const MAX_ATTESTATION_BYTES = 512;

/** The pad of a ping, which its pong has too, is at most 32 KiB of UTF-8: as long as what some networks swallow. */
export const MAX_PAD_BYTES = 32_768;

/** What a member shows of itself is at most 1 KiB of UTF-8: room for a name and a state, sealed and padded. */
export const MAX_PRESENCE_BYTES = 1024;

/** What a client sends may have this many structural characters of JSON: a list of 64 addressees has 66. */
export const MAX_JSON_STRUCTURALS = 1024;

/** And be nested this deep. */
export const MAX_JSON_DEPTH = 16;

/** What a client sends as text is at most 16 KiB, and before it has a grant it is, whatever it is. */
export const MAX_MESSAGE_BYTES = 16_384;

/** But for these: `data` and deposits as long as a frame may be; a signal whose payload is all escapes, six bytes for one; a padded ping. */
export const MAX_MESSAGE_BYTES_OF: Readonly<Record<string, number>> = {
  data: Number.POSITIVE_INFINITY,
  offer: 6 * MAX_SIGNAL_BYTES + MAX_MESSAGE_BYTES,
  answer: 6 * MAX_SIGNAL_BYTES + MAX_MESSAGE_BYTES,
  candidate: 6 * MAX_SIGNAL_BYTES + MAX_MESSAGE_BYTES,
  ping: 49_152,
  deposit: Number.POSITIVE_INFINITY,
};
