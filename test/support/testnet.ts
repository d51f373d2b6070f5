import HyperDHT from "hyperdht";
import createTestnet from "hyperdht/testnet.js";
import { onTestFinished } from "vitest";

/** A DHT of its own on loopback, which ends with the test. */
export class TestDHT {
  readonly #testnet: Awaited<ReturnType<typeof createTestnet>>;

  private constructor(testnet: Awaited<ReturnType<typeof createTestnet>>) {
    this.#testnet = testnet;
    onTestFinished(() => testnet.destroy());
  }

  static async start(): Promise<TestDHT> {
    return new TestDHT(await createTestnet(4));
  }

  /** A peer's own node, which others reach. It ends with what it is given to. */
  node(): HyperDHT {
    return new HyperDHT({
      bootstrap: this.#testnet.bootstrap,
      host: "127.0.0.1",
      firewalled: false,
      ephemeral: false,
    });
  }
}

/** A node where UDP is blocked: nothing that it asks is answered. */
export function blockedNode(): HyperDHT {
  // Port 9, discard: nobody listens there.
  return new HyperDHT({ bootstrap: [{ host: "127.0.0.1", port: 9 }], host: "127.0.0.1" });
}
