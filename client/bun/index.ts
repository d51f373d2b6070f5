/** The package `postern-client` on Bun: the same names, and the same types, as in ../index.ts, and proxies. */

import { systemClock } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import { pollDial } from "../polling/poll-socket.ts";
import { randomWord } from "../random.ts";
import type { ConnectOptions, Relay, RelayList } from "../relay.ts";
import { RelayClient } from "../relay-client.ts";
import { WebCryptography } from "../sealing/web-cryptography.ts";
import { prepareTopic } from "../topics.ts";
import { bunDial, bunRequest } from "./bun-dial.ts";
import { BunProxies } from "./proxies.ts";

export * from "../public.ts";

const RESEND_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Connects to a relay, or to several: gives it at once, and dials in the background, with Bun's WebSocket and `fetch`.
 * @param relays an address, `wss://` or `ws://`, with any path of the relay's; or several, in the order in which they are to be
 *   used; or what gives them. A topic is joined on the first three of them that are reached, at once.
 * @param options no `tls`; `proxy` is `env` (also where it is left out), `none`, or an `http://` or `https://` URL.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(relays: string | readonly string[] | RelayList, options: ConnectOptions = {}): Relay {
  const { tls, proxy } = options;
  if (Object.values({ ...tls }).some((value) => value !== undefined)) {
    throw new ConnectError("option-invalid", { cause: "tls: for Node" });
  }
  const proxies = new BunProxies(proxy, process.env);
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: bunDial(systemClock, proxies),
    poll: pollDial({ clock: systemClock, request: bunRequest(proxies), newToken: randomWord }),
    wayOf: (address: string) => ({ proxy: proxies.infoFor(address), tls: undefined }),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new WebCryptography(),
    loadTopics: () => Promise.resolve(prepareTopic),
    warn: (text: string) => console.warn(text),
  };
  return new RelayClient(parts, relays, options);
}
