import type NoiseSecretStream from "@hyperswarm/secret-stream";
import type HyperDHT from "hyperdht";
import { toBase64url } from "../base64url.ts";
import type { Clock } from "../clock.ts";
import type { PeerStream } from "../streams/peer-stream.ts";
import { StreamError } from "../streams/stream-error.ts";
import { withTimeLimit } from "../time-limit.ts";
import { ByteReader } from "./byte-reader.ts";
import { connectError } from "./connect-error.ts";
import type { Crossings, Pair } from "./crossings.ts";
import type { DirectPath } from "./direct-path.ts";
import {
  type CreateHandshake,
  confirmationOf,
  type Handshake,
  type HandshakeResult,
  type KeyPair,
} from "./handshake.ts";
import type { MeetingPlaces } from "./meeting-places.ts";
import { patiently, pause } from "./patiently.ts";
import { type Candidate, type Runner, race } from "./race.ts";
import { RawStream } from "./raw-stream.ts";
import { refusals } from "./refusal.ts";
import { hexOf, type Way } from "./visit.ts";

/** A key that is nowhere else is waited for at its own rendezvous. */
const FIND_PATIENCE_MS = 5000;
/** One way to a peer is tried for so long. */
const WAY_TIMEOUT_MS = 10_000;
/** A dial that has to give way is tried again after so long: by then the other side's has come, or has failed. */
const CROSSING_PAUSE_MS = 2000;
const MAX_ATTEMPTS = 3;

/** The answer in a handshake is a key and two tags. */
const MAX_ANSWER_BYTES = 256;

/** What dialling needs of others. */
export type DialParts = {
  readonly clock: Clock;
  readonly places: MeetingPlaces;
  readonly crossings: Crossings;
  readonly createHandshake: CreateHandshake;
  /** The way without a relay; undefined: there is none. */
  readonly direct: DirectPath | undefined;
  /** How long the direct way is tried alone; infinite: the relay carries nothing. */
  readonly headStartMs: number;
  /** A connection goes this way. */
  readonly onPath: (connection: NoiseSecretStream, path: "direct" | "relay") => void;
};

/** What is to be connected. */
export type DialTask = {
  readonly connection: NoiseSecretStream;
  readonly own: KeyPair;
  readonly publicKey: Uint8Array;
  /** As the DHT has told them: nodes by which the peer is reached. */
  readonly relayAddresses: readonly HyperDHT.Address[];
  /** Aborted when the connection is not wanted any more. */
  readonly signal: AbortSignal;
};

/** Finds a peer, and begins the connection that was prepared; or destroys it with what was the matter. Never rejects. */
export async function dial(task: DialTask, parts: DialParts): Promise<void> {
  const { connection, signal } = task;
  try {
    const candidate = await race(runnersOf(task, parts), signal);
    if (connection.destroying) candidate.discard();
    else candidate.begin();
  } catch (error) {
    connection.destroy(error instanceof Error ? error : connectError("PEER_CONNECTION_FAILED", error));
  }
}

function runnersOf(task: DialTask, parts: DialParts): readonly Runner[] {
  const { direct, headStartMs } = parts;
  const byRelay = (signal: AbortSignal, found?: Promise<Found>): Promise<Candidate> =>
    dialRelay({ ...task, signal }, parts, found ?? find(task.publicKey, signal, parts));
  if (direct === undefined || (direct.isBlocked && headStartMs < Number.POSITIVE_INFINITY))
    return [(signal) => byRelay(signal)];
  const failed = new AbortController();
  const directly: Runner = async (signal) => {
    try {
      return await dialDirect(direct, { ...task, signal }, parts);
    } finally {
      failed.abort();
    }
  };
  if (headStartMs === Number.POSITIVE_INFINITY) return [directly];
  const later: Runner = async (signal) => {
    // Where UDP may be blocked, the peer is looked for meanwhile.
    const found = direct.works ? undefined : find(task.publicKey, signal, parts);
    found?.catch(() => undefined);
    // As soon as the direct way has failed it has no head start any more.
    await direct.headStart(task.publicKey, headStartMs, AbortSignal.any([failed.signal, signal]));
    if (!signal.aborted) return byRelay(signal, found);
    found?.then(
      ({ release }) => release(),
      () => undefined,
    );
    throw connectError("PEER_CONNECTION_FAILED");
  };
  return [directly, later];
}

async function dialDirect(direct: DirectPath, task: DialTask, { onPath }: DialParts): Promise<Candidate> {
  const { connection, own, publicKey, relayAddresses, signal } = task;
  const { secretKey } = own;
  if (secretKey === undefined) throw connectError("PEER_CONNECTION_FAILED", "a HyperDHT needs the secret key");
  const keyPair = { publicKey: own.publicKey, secretKey };
  const attempt = direct.attempt(publicKey, { keyPair, relayAddresses });
  const giveUp = (): void => attempt.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  const start = await attempt.proven;
  signal.removeEventListener("abort", giveUp);
  return {
    begin: () => {
      onPath(connection, "direct");
      attempt.take(connection, start);
    },
    discard: giveUp,
  };
}

async function dialRelay(task: DialTask, parts: DialParts, found: Promise<Found>): Promise<Candidate> {
  const { connection } = task;
  const { ways, release } = await found;
  try {
    const { stream, reader, result } = await dialInTurn(ways, task, parts);
    return {
      begin: () => {
        const writer = stream.writable.getWriter();
        // What it rejects with, the raw stream hears too.
        writer.write(confirmationOf(result.tx)).catch(() => undefined);
        stream.selfSealed();
        const raw = new RawStream(stream, reader, writer);
        raw.on("close", release);
        parts.onPath(connection, "relay");
        connection.start(raw, { handshake: result });
      },
      discard: () => {
        stream.abort();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

type Found = { readonly ways: readonly Way[]; readonly release: () => void };

/** Where a key can be found, held until it is released. @throws Error `PEER_NOT_FOUND` */
async function find(publicKey: Uint8Array, signal: AbortSignal, { clock, places }: DialParts): Promise<Found> {
  const key = hexOf(publicKey);
  const found = places.find(key);
  if (found !== undefined) return { ways: found.ways, release: found.place.hold() };
  const place = places.ofKey(publicKey);
  const release = place.hold();
  try {
    await patiently(clock, { patienceMs: FIND_PATIENCE_MS, signal }, (limit) =>
      place.until(() => place.ways(key).length > 0, limit),
    );
    const ways = place.ways(key);
    if (ways.length === 0) throw new Error("it is not there");
    return { ways, release };
  } catch (error) {
    release();
    throw connectError("PEER_NOT_FOUND", error);
  }
}

/** The other side has answered, and waits for the proof that the connection is wanted. */
type Dialled = { readonly stream: PeerStream; readonly reader: ByteReader; readonly result: HandshakeResult };

async function dialInTurn(
  ways: readonly Way[],
  { connection, own, publicKey, signal }: DialTask,
  { clock, crossings, createHandshake }: DialParts,
): Promise<Dialled> {
  const pair: Pair = { own: own.publicKey, remote: publicKey };
  for (let attempt = 1; ; attempt += 1) {
    await crossings.turnOf(pair, connection);
    try {
      return await dialOverAny(ways, { clock, signal, createHandshake: () => createHandshake(own, publicKey) });
    } catch (error) {
      if (!isCrossing(error) || attempt === MAX_ATTEMPTS) throw connectError("PEER_CONNECTION_FAILED", error);
      crossings.notSent(pair);
      await pause(clock, CROSSING_PAUSE_MS, signal);
    }
  }
}

type WayParts = {
  readonly clock: Clock;
  readonly createHandshake: () => Handshake;
  readonly signal: AbortSignal;
};

/** Tries the ways to a peer one after the other. Rejects as the last one does. */
async function dialOverAny(ways: readonly Way[], parts: WayParts): Promise<Dialled> {
  let last: unknown;
  for (const way of ways) {
    try {
      return await withTimeLimit(parts.clock, { timeoutMs: WAY_TIMEOUT_MS, signal: parts.signal }, (signal) =>
        dialOver(way, { ...parts, signal }),
      );
    } catch (error) {
      last = error;
      if (parts.signal.aborted || isCrossing(error)) break;
    }
  }
  throw last;
}

async function dialOver({ streams, peerId }: Way, { createHandshake, signal }: WayParts): Promise<Dialled> {
  // A message can be taken once: each way has a handshake of its own.
  const handshake = createHandshake();
  const label = toBase64url(await handshake.send());
  const stream = await streams.open(peerId, label, { signal });
  const giveUp = (): void => stream.abort();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const reader = new ByteReader(stream.readable);
    const [high = 0, low = 0] = await reader.take(2);
    const answerBytes = high * 256 + low;
    if (answerBytes > MAX_ANSWER_BYTES) throw new Error("the answer is too long");
    await handshake.recv(await reader.take(answerBytes));
    const result = handshake.final();
    return { stream, reader, result };
  } catch (error) {
    stream.abort();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** The other side dials too, and its dial counts. */
function isCrossing(error: unknown): boolean {
  return error instanceof StreamError && error.reasonCode === refusals.crossing;
}
