import { Buffer } from "#buffer";
import type { Answer } from "./query.ts";

/** As many peers as a node of the DHT gives at once, and as many answers: together more than the 64 peers of a swarm. */
const MAX_PEERS_OF_ANSWER = 20;
const MAX_ANSWERS = 4;

/**
 * Some of these keys, at random: first those that are not connected, so that a swarm that looks again gets to know others.
 * @param keys as hex @param connected the same
 */
export function sample(keys: readonly string[], connected: ReadonlySet<string>): readonly Answer[] {
  const rank = (key: string): number => Math.random() + (connected.has(key) ? 1 : 0);
  const ranked = keys.map((key) => ({ key, rank: rank(key) })).toSorted((one, other) => one.rank - other.rank);
  const peers = ranked.map(({ key }) => ({ publicKey: Buffer.from(key, "hex"), relayAddresses: [] }));
  return Array.from({ length: MAX_ANSWERS }, (_, index) => ({
    peers: peers.slice(index * MAX_PEERS_OF_ANSWER, (index + 1) * MAX_PEERS_OF_ANSWER),
  })).filter((answer) => answer.peers.length > 0);
}
