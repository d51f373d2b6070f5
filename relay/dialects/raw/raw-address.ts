/** A SHA-256 or BLAKE2b-256, as the clients write it. */
const HASH = "[0-9a-f]{64}";
const PIPE = new RegExp(`^/topic/${HASH}$`);
const DATABASE = new RegExp(`^(?:/gun)?/(${HASH})$`);
/** One segment; longer than any client's, and a bound on what a stranger stores. */
const GUN = /^\/gun(?:\/[^/]{1,128})?$/;

/** Which kind of client dials this, and the topic that it is in. */
export type RawAddress = { readonly client: "pipe" | "gun"; readonly topic: string };

/** Reads a path; undefined: it is none of this dialect's. */
export function rawAddressOf(path: string): RawAddress | undefined {
  if (PIPE.test(path)) return { client: "pipe", topic: path };
  const [, database] = DATABASE.exec(path) ?? [];
  // The client appends the digits to whatever base it was given: members of one database may have been given both.
  if (database !== undefined) return { client: "gun", topic: `/gun/${database}` };
  return GUN.test(path) ? { client: "gun", topic: path } : undefined;
}
