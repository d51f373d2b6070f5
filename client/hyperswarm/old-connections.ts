import type NoiseSecretStream from "@hyperswarm/secret-stream";
import type { Pair } from "./crossings.ts";
import { isSame } from "./handshake.ts";
import { RawStream } from "./raw-stream.ts";

/** Ends those connections of a pair that go over a relay and whose peer is away, as the end of its grace would. Resolves when they have ended. */
export async function endAway(connections: Iterable<NoiseSecretStream>, { own, remote }: Pair): Promise<void> {
  const ended = [...connections].map(async (connection) => {
    const { publicKey, remotePublicKey, rawStream } = connection;
    if (!(rawStream instanceof RawStream && rawStream.isPeerAway)) return;
    if (!isSame(publicKey, own) || !isSame(remotePublicKey, remote)) return;
    const closed = new Promise<void>((resolve) => connection.once("close", () => resolve()));
    rawStream.peerGone();
    await closed;
  });
  await Promise.all(ended);
}
