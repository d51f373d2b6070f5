/** The package `postern-client` in browsers, Bun, Deno and workerd: on the runtime's own WebSocket and `fetch`. */

import { systemClock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import { pageEvents } from "./line/page-events.ts";
import { webSocketDial } from "./line/web-socket.ts";
import { fetchRequest } from "./polling/fetch-request.ts";
import { pageMemory } from "./polling/page-memory.ts";
import { pollDial } from "./polling/poll-socket.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay, RelayList } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";
import { WebCryptography } from "./sealing/web-cryptography.ts";

export * from "./public.ts";

const RESEND_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Connects to a relay, or to several: gives it at once, and dials in the background.
 * @param relays an address, `wss://` or `ws://`, with any path of the relay's; or several, in the order in which they are to be
 *   used; or what gives them. A topic is joined on the first three of them that are reached, at once.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(relays: string | readonly string[] | RelayList, options: ConnectOptions = {}): Relay {
  const { tls, proxy } = options;
  if (Object.values({ ...tls, proxy }).some((value) => value !== undefined)) {
    throw new ConnectError("option-invalid", { cause: "tls, proxy: for Node" });
  }
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: webSocketDial(systemClock),
    poll: pollDial({ clock: systemClock, request: fetchRequest, newToken: randomWord }),
    memoryOf: pageMemory,
    pageEvents: pageEvents(),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new WebCryptography(),
    warn: (text: string) => console.warn(text),
  };
  return new RelayClient(parts, relays, options);
}
