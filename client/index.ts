/** The package `postern-client` in browsers, Deno and workerd: on the runtime's own WebSocket and `fetch`. */

import { systemClock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import { loadingDial } from "./line/loading-socket.ts";
import { pageEvents } from "./line/page-events.ts";
import type { Dial } from "./line/socket.ts";
import { webSocketDial } from "./line/web-socket.ts";
import { pageMemory } from "./polling/page-memory.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay, RelayList } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";
import { WebCryptography } from "./sealing/web-cryptography.ts";
import type { PrepareTopic } from "./topics.ts";

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
    poll: loadingDial(loadPoll),
    memoryOf: pageMemory,
    pageEvents: pageEvents(),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new WebCryptography(),
    loadTopics,
    warn: (text: string) => console.warn(text),
  };
  const relay = new RelayClient(parts, relays, options);
  if (options.transports?.includes("polling") !== false) loadPollOnceConnected(relay);
  return relay;
}

/** The next network may let no WebSocket through, and by then the page's server may have another version of this. */
function loadPollOnceConnected(relay: Relay): void {
  const stop = relay.on("state", (state) => {
    if (state !== "connected") return;
    stop();
    // What fails here is loaded again when it is needed, and told then.
    loadPoll().catch(() => undefined);
  });
}

async function loadPoll(): Promise<Dial> {
  const { pagePollDial } = await import("./polling/page-poll.ts");
  return pagePollDial({ clock: systemClock, newToken: randomWord });
}

async function loadTopics(): Promise<PrepareTopic> {
  const { prepareTopic } = await import("./topics.ts");
  return prepareTopic;
}
