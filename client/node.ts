/** The package `postern-client` on Node: the same names, and the same types, as in index.ts. */

import { ConnectError } from "./errors.ts";
import type { ConnectOptions, Relay } from "./relay.ts";

export * from "./index.ts";

/**
 * The place of `connect` on Node: over `ws`, with the options of `tls`. Until the line is there, it says so.
 * @throws ConnectError `feature-missing`
 */
export function connect(_address: string, _options?: ConnectOptions): Relay {
  throw new ConnectError("feature-missing", { cause: "this version of postern-client cannot connect yet" });
}
