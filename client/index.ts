/** The package `postern-client` in browsers, Bun, Deno and workerd: on the runtime's own WebSocket and `fetch`. */

import { systemClock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import { pageEvents } from "./line/page-events.ts";
import { webSocketDial } from "./line/web-socket.ts";
import { fetchRequest } from "./polling/fetch-request.ts";
import { pageMemory } from "./polling/page-memory.ts";
import { pollDial } from "./polling/poll-socket.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";
import { WebCryptography } from "./sealing/web-cryptography.ts";

export * from "./public.ts";

const RESEND_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Connects to a relay: gives it at once, and dials in the background.
 * @param address `wss://` or `ws://`, with any path of the relay's.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(address: string, options: ConnectOptions = {}): Relay {
  const { tls, proxy } = options;
  if (Object.values({ ...tls, proxy }).some((value) => value !== undefined)) {
    throw new ConnectError("option-invalid", { cause: "tls, proxy: for Node" });
  }
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: webSocketDial(systemClock),
    poll: pollDial({ clock: systemClock, request: fetchRequest, newToken: randomWord }),
    memory: pageMemory(address),
    pageEvents: pageEvents(),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new WebCryptography(),
    warn: (text: string) => console.warn(text),
  };
  return new RelayClient(parts, address, options);
}
