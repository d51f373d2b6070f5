import NoiseSecretStream from "@hyperswarm/secret-stream";
import type { Clock } from "../clock.ts";
import { compareKeys } from "./crossings.ts";
import type { DirectPath } from "./direct-path.ts";
import { pause } from "./patiently.ts";
import type { RelayServer } from "./server.ts";

/** When a direct way is tried first, and then again. When the network changes, it all begins anew: UDP has to be judged there first. */
const FIRST_MS = 5000;
const AGAIN_MS = 60_000;

/** What upgrades need of others. */
export type UpgradeParts = {
  readonly clock: Clock;
  readonly direct: DirectPath;
  readonly keepAliveMs: number;
  /** The server of the swarm of this key of one's own, which takes better connections now; undefined: there is none. */
  readonly serverOf: (publicKey: Uint8Array) => RelayServer | undefined;
  /** A direct connection is there, and is about to be given to the swarm. */
  readonly onUpgraded: (connection: NoiseSecretStream, own: NoiseSecretStream.KeyPair) => void;
};

/**
 * Looks for a direct way for connections that go over a relay. One that is proven is given to the swarms of both ends as a new
 * connection of the same peer, which they take in place of the old one.
 */
export class Upgrades {
  readonly #parts: UpgradeParts;
  #changed = new AbortController();

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  /** The network is another one: all are tried soon. */
  networkChanged(): void {
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /**
   * Looks for a direct way until the connection ends. The end with the larger key does, because a swarm takes no other dial for an
   * idle connection; and a little later the other end, since the first may be nobody whom the DHT finds.
   */
  async watch(connection: NoiseSecretStream, own: NoiseSecretStream.KeyPair): Promise<void> {
    // Who is no swarm has one connection for each dial, and keeps it.
    if (this.#parts.serverOf(own.publicKey) === undefined) return;
    const isLarger = compareKeys(own.publicKey, connection.remotePublicKey) > 0;
    const firstMs = isLarger ? FIRST_MS : 2 * FIRST_MS;
    const ended = new AbortController();
    connection.on("close", () => ended.abort());
    const { clock } = this.#parts;
    let delayMs = firstMs;
    while (!ended.signal.aborted) {
      const changed = this.#changed.signal;
      await pause(clock, delayMs, AbortSignal.any([ended.signal, changed]));
      const isTime = !ended.signal.aborted && !changed.aborted;
      const mayDial = isTime && (isLarger || !isIdle(connection));
      if (mayDial && (await this.#upgrade(connection, own, ended.signal))) return;
      delayMs = isTime ? AGAIN_MS : firstMs;
    }
  }

  async #upgrade(
    { remotePublicKey }: NoiseSecretStream,
    keyPair: NoiseSecretStream.KeyPair,
    ended: AbortSignal,
  ): Promise<boolean> {
    const { direct, keepAliveMs, serverOf, onUpgraded } = this.#parts;
    const server = serverOf(keyPair.publicKey);
    if (!direct.works || server === undefined) return false;
    const attempt = direct.attempt(remotePublicKey, { keyPair });
    const giveUp = (): void => attempt.destroy();
    ended.addEventListener("abort", giveUp, { once: true });
    try {
      const start = await attempt.proven;
      const { publicKey } = keyPair;
      const upgraded = new NoiseSecretStream(true, null, {
        publicKey,
        remotePublicKey,
        autoStart: false,
        keepAlive: keepAliveMs,
      });
      attempt.take(upgraded, start);
      onUpgraded(upgraded, keyPair);
      server.emit("connection", upgraded);
      return true;
    } catch {
      return false;
    } finally {
      ended.removeEventListener("abort", giveUp);
    }
  }
}

/** Nothing has come on it, or gone: then a swarm keeps it where the end with the smaller key dials once more. */
function isIdle({ rawBytesRead, rawBytesWritten }: NoiseSecretStream): boolean {
  return rawBytesRead === 0 || rawBytesWritten === 0;
}
