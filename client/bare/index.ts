/** The package `postern-client` on Bare, the runtime under Keet and Pear: the same names, and the same types, as in ../index.ts. */

import "./globals.ts";
import { systemClock } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import type { ConnectOptions, Relay, RelayList } from "../relay.ts";
import { RelayClient } from "../relay-client.ts";
import { prepareTopic } from "../topics.ts";
import { BareCryptography } from "./bare-cryptography.ts";
import { bareDial } from "./bare-socket.ts";

export * from "../public.ts";

const RESEND_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Connects to a relay, or to several: gives it at once, and dials in the background, over bare-tcp and bare-tls. There is no long poll.
 * @param relays an address, `wss://` or `ws://`, with any path of the relay's; or several, in the order in which they are to be
 *   used; or what gives them. A topic is joined on the first three of them that are reached, at once.
 * @param options of `tls`, `ca` alone; no `proxy`.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(relays: string | readonly string[] | RelayList, options: ConnectOptions = {}): Relay {
  const { tls: { ca, ...tls } = {}, proxy, transports = ["websocket"] } = options;
  if (Object.values({ ...tls, proxy }).some((value) => value !== undefined)) {
    throw new ConnectError("option-invalid", { cause: "proxy, and tls but for ca: for Node" });
  }
  if (!transports.includes("websocket")) {
    throw new ConnectError("option-invalid", { cause: "transports: there is no long poll on Bare" });
  }
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: bareDial({ clock: systemClock, ca: ca === undefined ? undefined : Buffer.from([ca].flat().join("\n")) }),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new BareCryptography(),
    loadTopics: () => Promise.resolve(prepareTopic),
    warn: (text: string) => console.warn(text),
  };
  return new RelayClient(parts, relays, options);
}
