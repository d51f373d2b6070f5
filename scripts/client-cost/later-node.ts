import { randomBytes } from "node:crypto";
import type HyperDHT from "hyperdht";
import { DirectAttempt } from "../../client/hyperswarm/direct-attempt.ts";

/**
 * Makes the dials of a node fail until `open` is called: as where UDP works again later.
 * @param node of a RelayDHT, which alone may dial by it
 */
export function laterNode(node: HyperDHT): { readonly node: HyperDHT; readonly open: () => void } {
  const dial = node.connect.bind(node);
  let isOpen = false;
  node.connect = (publicKey, options = {}) => {
    if (isOpen) return dial(publicKey, options);
    const attempt = options.createSecretStream?.();
    if (!(attempt instanceof DirectAttempt)) throw new Error("it dials for a RelayDHT alone");
    attempt.destroy(new Error("UDP is blocked"));
    return dial(randomBytes(32)).on("error", () => undefined);
  };
  return {
    node,
    open: () => {
      isOpen = true;
      // A direct way is tried once a minute, and soon after a change of network.
      node.emit("network-change");
    },
  };
}
