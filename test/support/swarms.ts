import { randomBytes } from "node:crypto";
import type NoiseSecretStream from "@hyperswarm/secret-stream";
import type Hyperswarm from "hyperswarm";
import { onTestFinished } from "vitest";
import { hyperswarm, type SwarmOptions } from "../../client/node-hyperswarm.ts";

/** Where a relay is. */
type At = { readonly url: string };

/** What is longer is no text of a test, but a block of a core. */
const MAX_HEARD_BYTES = 1024;

/** A new topic that no other test has. */
export function newTopic(): Buffer {
  return randomBytes(32);
}

/** A swarm over relays that goes when the test does, with the connections it has told of. */
export class TestSwarm {
  readonly swarm: Hyperswarm;
  /** All there ever were, oldest first. */
  readonly connections: NoiseSecretStream[] = [];
  /** What has come on all of them, as text, where it is short. */
  readonly heard: string[] = [];
  /** What connections have failed with. */
  readonly failures: Error[] = [];

  constructor(relays: At | readonly At[], options: Partial<SwarmOptions> = {}) {
    const addresses = [relays].flat().map(({ url }) => url);
    this.swarm = hyperswarm({
      relays: addresses,
      backoffs: [50, 100, 200, 400],
      jitter: 20,
      reconnect: { minDelayMs: 20, maxDelayMs: 500 },
      ...options,
    });
    this.swarm.on("connection", (connection) => {
      this.connections.push(connection);
      connection.on("error", (error: Error) => this.failures.push(error));
      connection.on("data", (data) => {
        if (Buffer.isBuffer(data) && data.length <= MAX_HEARD_BYTES) this.heard.push(String(data));
      });
    });
    onTestFinished(() => this.swarm.destroy());
  }

  /** Its key as hex. */
  get key(): string {
    return Buffer.from(this.swarm.keyPair.publicKey).toString("hex");
  }

  /** Whom it is connected with, as hex, sorted; one entry for each connection. */
  get connectedKeys(): readonly string[] {
    return [...this.swarm.connections].map(({ remotePublicKey }) => remotePublicKey.toString("hex")).toSorted();
  }

  /** Writes to all. */
  say(text: string): void {
    for (const connection of this.swarm.connections) connection.write(Buffer.from(text));
  }
}
