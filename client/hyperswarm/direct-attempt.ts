import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { Duplex } from "streamx";
import { Buffer } from "#buffer";
import type { HandshakeResult } from "./handshake.ts";

/** What a direct connection is made of. @property first what has come on it already */
export type DirectStart = { readonly raw: Duplex; readonly handshake: HandshakeResult; readonly first: Buffer };

/**
 * What hyperdht takes for the connection that it is to make. It makes none: it tells when bytes have come from the other side, and the
 * caller decides whether they count. What hyperdht calls open has often never worked.
 */
export class DirectAttempt extends Duplex {
  /** Resolves when bytes have come; rejects when it has failed, or was destroyed. */
  readonly proven: Promise<DirectStart>;
  readonly #settle: { resolve: (start: DirectStart) => void; reject: (reason: unknown) => void };
  #raw: Duplex | null = null;
  #isTaken = false;

  constructor() {
    super();
    const { promise, resolve, reject } = Promise.withResolvers<DirectStart>();
    this.proven = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => undefined);
    this.on("error", reject);
    this.on("close", () => reject(new Error("the attempt was given up")));
  }

  /** By this hyperdht sees whether it has been started. */
  get rawStream(): Duplex | null {
    return this.#raw;
  }

  /** Called by hyperdht when packets can go. */
  start(raw: Duplex, { handshake }: { readonly handshake: HandshakeResult }): void {
    this.#raw = raw;
    const fail = (): void => this.destroy();
    raw.on("close", fail);
    raw.on("error", fail);
    raw.once("data", (first) => {
      if (!(first instanceof Uint8Array)) return fail();
      raw.pause();
      raw.removeListener("close", fail);
      raw.removeListener("error", fail);
      this.#settle.resolve({ raw, handshake, first: Buffer.from(first) });
    });
  }

  /** It counts: this attempt ends with that connection, and does not end it. */
  take(connection: NoiseSecretStream, { raw, handshake, first }: DirectStart): void {
    this.#isTaken = true;
    connection.on("close", () => this.destroy());
    connection.start(raw, { handshake, data: first });
  }

  override _predestroy(): void {
    if (!this.#isTaken) this.#raw?.destroy();
  }
}
