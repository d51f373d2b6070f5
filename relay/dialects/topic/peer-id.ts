const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS = 9;

/** Makes an id for a peer that named none, in the original's form: `peer-<ms>-<9 base36 characters>`. */
export function makePeerId(nowMs: number): string {
  let id = `peer-${Math.trunc(nowMs)}-`;
  // % 36 favours four of the characters by 1/7: an id is a name, not a secret.
  for (const byte of crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS))) id += ALPHABET.charAt(byte % 36);
  return id;
}

/** Makes an id that no member of the topic has: an id of the relay's own is never given twice. */
export function makeFreePeerId(
  topic: { hasPeerId(peerId: string): boolean } | undefined,
  nowMs: () => number,
  make: typeof makePeerId = makePeerId,
): string {
  let peerId = make(nowMs());
  while (topic?.hasPeerId(peerId)) peerId = make(nowMs());
  return peerId;
}
