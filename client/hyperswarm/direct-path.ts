import type NoiseSecretStream from "@hyperswarm/secret-stream";
import type HyperDHT from "hyperdht";
import { getStreamError } from "streamx";
import type { Clock } from "../clock.ts";
import { DirectAttempt } from "./direct-attempt.ts";
import { pause } from "./patiently.ts";
import type { RelayServer } from "./server.ts";
import { hexOf } from "./visit.ts";

/** UDP from which nothing has come for so long is blocked: an answer takes one round trip. */
const JUDGE_MS = 3000;
const LOOK_MS = 100;
/** UDP from which nothing has come for so long may still work, and is not waited for. */
const DOUBT_MS = 250;
/** A direct connection of the other side on which nothing comes for so long is let go. */
const PROOF_PATIENCE_MS = 8000;
/** A peer whose direct connection has died gets no head start for so long. */
const DISTRUST_MS = 60_000;
const MAX_DISTRUSTED = 1000;
/** How long the DHT may take to stop listening, to be suspended, or to end: without UDP it waits for answers. */
const ENDING_PATIENCE_MS = 3000;

/** What the direct path needs of others. */
export type DirectPathParts = { readonly clock: Clock; readonly dht: HyperDHT };

/** The way by UDP, without a relay: a real HyperDHT, and a judgement whether it works here. */
export class DirectPath {
  readonly dht: HyperDHT;
  readonly #clock: Clock;
  readonly #servers = new Map<RelayServer, HyperDHT.Server>();
  /** When a direct connection has died, by the key of the peer as hex; the oldest first. */
  readonly #died = new Map<string, number>();
  #sinceMs: number;
  #responsesBefore = 0;

  constructor({ clock, dht }: DirectPathParts) {
    this.dht = dht;
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Something has come by UDP. Nothing else that a HyperDHT says of itself tells whether it may. */
  get works(): boolean {
    return this.dht.stats.requests.responses > this.#responsesBefore;
  }

  /** Nothing has come, and it would have by now. */
  get isBlocked(): boolean {
    return !this.works && this.#clock.monotonicMs() - this.#sinceMs >= JUDGE_MS;
  }

  /** Judges anew: another network may be another case. */
  judgeAgain(): void {
    this.#sinceMs = this.#clock.monotonicMs();
    this.#responsesBefore = this.dht.stats.requests.responses;
  }

  /** Remembers it where the connection ends because nothing came any more. */
  watch(connection: NoiseSecretStream): void {
    const key = hexOf(connection.remotePublicKey);
    connection.on("close", () => {
      if (Reflect.get(getStreamError(connection) ?? {}, "code") !== "ETIMEDOUT") return;
      this.#died.delete(key);
      this.#died.set(key, this.#clock.monotonicMs());
      for (const oldest of this.#died.keys()) if (this.#died.size > MAX_DISTRUSTED) this.#died.delete(oldest);
    });
  }

  /** Whether a direct connection with this peer has died lately. */
  hasDied(publicKey: Uint8Array): boolean {
    return this.#clock.monotonicMs() - (this.#died.get(hexOf(publicKey)) ?? Number.NEGATIVE_INFINITY) < DISTRUST_MS;
  }

  /** Waits while the direct way to a peer is to be tried alone: for `headStartMs` where UDP works. Ends with the signal too. */
  async headStart(publicKey: Uint8Array, headStartMs: number, signal: AbortSignal): Promise<void> {
    if (this.hasDied(publicKey)) return;
    const endMs = this.#clock.monotonicMs() + headStartMs;
    const untilMs = (atMs: number): number => Math.max(0, Math.min(atMs, endMs) - this.#clock.monotonicMs());
    if (!this.works) await pause(this.#clock, untilMs(this.#sinceMs + DOUBT_MS), signal);
    if (this.works) await pause(this.#clock, untilMs(endMs), signal);
  }

  /** Dials. What comes of it is in `proven`. */
  attempt(publicKey: Uint8Array, options: HyperDHT.ConnectOptions): DirectAttempt {
    const attempt = new DirectAttempt();
    this.dht.connect(publicKey, { ...options, createSecretStream: () => attempt });
    return attempt;
  }

  /** Listens in the DHT too, for a server that listens already. Goes on in the background. */
  listen(
    server: RelayServer,
    keyPair: NoiseSecretStream.KeyPair,
    onConnection: (connection: NoiseSecretStream) => void,
  ): void {
    const inner = this.dht.createServer({ firewall: (remotePublicKey) => server.refuses(remotePublicKey) });
    this.#servers.set(server, inner);
    inner.on("connection", (connection) => void this.#offer(server, connection, onConnection));
    // Without UDP it fails after a while; the relay is there.
    inner.listen(keyPair).catch(() => undefined);
  }

  /** By which nodes a server is reached. */
  addressesOf(server: RelayServer): readonly HyperDHT.Address[] {
    return this.#servers.get(server)?.relayAddresses ?? [];
  }

  /** Listens no more. */
  async close(server: RelayServer): Promise<void> {
    const inner = this.#servers.get(server);
    this.#servers.delete(server);
    if (inner !== undefined) await this.#ends(inner.close());
  }

  /** Until `resume`. Never rejects. */
  async suspend(): Promise<void> {
    await this.#ends(this.dht.suspend());
  }

  /** Never rejects. */
  async resume(): Promise<void> {
    await this.#ends(this.dht.resume());
    this.judgeAgain();
  }

  /** Ends the DHT. Never rejects. */
  async destroy({ force }: { readonly force: boolean }): Promise<void> {
    await this.#ends(this.dht.destroy({ force: force || this.isBlocked }));
  }

  /** Withdraws what was announced. Never rejects. */
  async unannounce(topic: Uint8Array, keyPair: NoiseSecretStream.KeyPair, options: object): Promise<void> {
    if (!this.isBlocked) await this.#ends(this.dht.unannounce(topic, keyPair, options));
  }

  /** Looks in the DHT, as long as UDP may work. */
  look(query: (dht: HyperDHT) => HyperDHT.NetworkQuery): HyperDHT.Query | undefined {
    if (this.isBlocked) return undefined;
    const running = query(this.dht);
    const finished = new AbortController();
    // Not by its `finished`: that throws away what it finds.
    running.on("close", () => finished.abort());
    running.on("error", () => finished.abort());
    void this.#untilBlocked(finished.signal).then(() => running.destroy());
    return running;
  }

  /** Waits for an ending, and no longer than it is worth: not at all where nothing is answered. Never rejects. */
  async #ends(task: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    task.then(end, end);
    if (!this.isBlocked) await pause(this.#clock, ENDING_PATIENCE_MS, ended.signal);
  }

  /** Resolves when it is known to be blocked, or the signal is aborted. */
  async #untilBlocked(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.isBlocked) await pause(this.#clock, LOOK_MS, signal);
  }

  /** Gives a connection on as soon as bytes have come on it: not before, because the other side may go another way yet. */
  async #offer(
    server: RelayServer,
    connection: NoiseSecretStream,
    onConnection: (connection: NoiseSecretStream) => void,
  ): Promise<void> {
    connection.on("error", ignore);
    const isProven = await this.#isProven(connection);
    if (!isProven || !server.isAccepting) {
      connection.destroy();
      return;
    }
    connection.removeListener("error", ignore);
    onConnection(connection);
    server.emit("connection", connection);
  }

  async #isProven(connection: NoiseSecretStream): Promise<boolean> {
    const raw = (await connection.opened) ? connection.rawStream : null;
    if (raw === null) return false;
    const ended = new AbortController();
    let hasCome = hasReceived(raw);
    raw.once("data", () => {
      hasCome = true;
      ended.abort();
    });
    raw.on("close", () => ended.abort());
    if (!hasCome) await pause(this.#clock, PROOF_PATIENCE_MS, ended.signal);
    return hasCome && !connection.destroying;
  }
}

function ignore(): void {
  // What fails before anybody has heard of it is nobody's.
}

/** A stream of UDX counts what has come. */
function hasReceived(raw: object): boolean {
  return Number(Reflect.get(raw, "bytesReceived")) > 0;
}
