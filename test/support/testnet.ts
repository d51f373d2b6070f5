import { randomBytes } from "node:crypto";
import HyperDHT from "hyperdht";
import createTestnet from "hyperdht/testnet.js";
import { onTestFinished } from "vitest";
import { DirectAttempt } from "../../client/hyperswarm/direct-attempt.ts";

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

/** A node whose dials fail until `open` is called: as where UDP works again later. */
export function laterNode(dht: TestDHT): { readonly node: HyperDHT; readonly open: () => void } {
  const node = dht.node();
  const dial = node.connect.bind(node);
  let isOpen = false;
  node.connect = (publicKey, options = {}) => {
    if (isOpen) return dial(publicKey, options);
    const attempt = options.createSecretStream?.();
    if (!(attempt instanceof DirectAttempt)) throw new Error("it dials for a RelayDHT alone");
    attempt.destroy(new Error("UDP is blocked"));
    return dial(randomBytes(32)).on("error", () => undefined);
  };
  return { node, open: () => void (isOpen = true) };
}
