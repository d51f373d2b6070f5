import NoiseSecretStream from "@hyperswarm/secret-stream";
import { fromBase64url } from "../base64url.ts";
import type { Clock } from "../clock.ts";
import type { PeerStream } from "../streams/peer-stream.ts";
import { withTimeLimit } from "../time-limit.ts";
import { ByteReader } from "./byte-reader.ts";
import type { Crossings, Pair } from "./crossings.ts";
import {
  CONFIRMATION_BYTES,
  confirmationOf,
  type Handshake,
  type HandshakeResult,
  isSame,
  type KeyPair,
} from "./handshake.ts";
import { RawStream } from "./raw-stream.ts";
import { Refusal } from "./refusal.ts";
import type { RelayServer } from "./server.ts";

/** Who has begun a handshake and does not go on is let go. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What accepting needs of others. */
export type AcceptanceParts = {
  readonly clock: Clock;
  readonly keepAliveMs: number;
  readonly crossings: Crossings;
  readonly servers: () => Iterable<RelayServer>;
  /** Ends connections of the pair whose peer is away, and resolves when they have ended. */
  readonly endAway: (pair: Pair) => Promise<void>;
  /** A connection has begun, which ends at the latest with this stream. */
  readonly onConnection: (connection: NoiseSecretStream, raw: RawStream, own: KeyPair) => void;
};

/**
 * Takes a stream that somebody has opened: its label is the first message of the handshake, for the key of one of the servers here.
 * The server gets its connection when the dialling side has proved that it has made that message itself.
 * @throws Refusal, which is what the dialling side is told
 */
export async function accept(stream: PeerStream, parts: AcceptanceParts): Promise<void> {
  const { server, handshake } = await findServer(stream.label, parts.servers());
  if (await server.refuses(handshake.remotePublicKey)) throw new Refusal("firewall");
  const { keyPair: own } = server;
  if (own === undefined) throw new Refusal("unknownKey");
  const pair = { own: own.publicKey, remote: handshake.remotePublicKey };
  if (parts.crossings.mustWait(pair)) throw new Refusal("crossing");
  const done = parts.crossings.accepting(pair);
  try {
    const finished = await finish(stream, handshake, parts.clock);
    // Who has started anew does not come back to its old ones, for which a swarm might refuse the new one.
    await parts.endAway(pair);
    while (parts.crossings.isDialling(pair)) await parts.crossings.giveUp(pair);
    hand(server, own, finished, parts);
  } finally {
    done();
  }
}

/** Answers, and waits for the proof. */
async function finish(stream: PeerStream, handshake: Handshake, clock: Clock): Promise<Finished> {
  const reader = new ByteReader(stream.readable);
  const writer = stream.writable.getWriter();
  const answer = await handshake.send();
  const result = handshake.final();
  await withTimeLimit(clock, { timeoutMs: HANDSHAKE_TIMEOUT_MS }, async () => {
    await writer.write(framed(answer));
    const confirmation = await reader.take(CONFIRMATION_BYTES);
    if (!isSame(confirmation, confirmationOf(result.rx))) throw new Refusal("badHandshake");
  });
  return { stream, reader, writer, result };
}

function hand(
  server: RelayServer,
  own: KeyPair,
  { stream, reader, writer, result }: Finished,
  parts: AcceptanceParts,
): void {
  if (!server.isAccepting) throw new Refusal("unknownKey");
  stream.selfSealed();
  // Not before there is a connection that hears how it ends: nobody else does.
  const raw = new RawStream(stream, reader, writer);
  const connection = new NoiseSecretStream(false, raw, { handshake: result, keepAlive: parts.keepAliveMs });
  parts.onConnection(connection, raw, own);
  server.emit("connection", connection);
}

/** The first message of a handshake, with its length in 2 bytes before it. */
function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + message.length);
  new DataView(bytes.buffer).setUint16(0, message.length);
  bytes.set(message, 2);
  return bytes;
}

type Finished = {
  readonly stream: PeerStream;
  readonly reader: ByteReader;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly result: HandshakeResult;
};

type Found = { readonly server: RelayServer; readonly handshake: Handshake };

/** Nothing in the message says for whom it is: only that key opens it. */
async function findServer(label: string, servers: Iterable<RelayServer>): Promise<Found> {
  const message = fromBase64url(label);
  if (message === undefined) throw new Refusal("badHandshake");
  for (const server of servers) {
    const handshake = server.isAccepting ? server.createHandshake() : undefined;
    try {
      await handshake?.recv(message);
    } catch {
      continue;
    }
    if (handshake !== undefined) return { server, handshake };
  }
  throw new Refusal("unknownKey");
}
