/** The package `postern-client` on Node: the same names, and the same types, as in index.ts. */

import { systemClock } from "./clock.ts";
import type { Attesting, Dial } from "./line/socket.ts";
import { BufferPool } from "./node/buffer-pool.ts";
import type { Dialler } from "./node/dialler.ts";
import { NetworkMemory } from "./node/network-memory.ts";
import { NodeCryptography } from "./node/node-cryptography.ts";
import { diallerFor } from "./node/node-dialler.ts";
import { nodeRequest } from "./node/node-request.ts";
import { nodeDial } from "./node/node-socket.ts";
import { pollDial } from "./polling/poll-socket.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay, RelayList } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";
import { prepareTopic } from "./topics.ts";

export * from "./public.ts";

const RESEND_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Connects to a relay, or to several: gives it at once, and dials in the background, over `ws`.
 * @param relays an address, `wss://` or `ws://`, with any path of the relay's; or several, in the order in which they are to be
 *   used; or what gives them. A topic is joined on the first three of them that are reached, at once.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(relays: string | readonly string[] | RelayList, options: ConnectOptions = {}): Relay {
  const dialler = diallerFor(options, { platform: process.platform, env: process.env });
  const memory = new NetworkMemory();
  const pool = new BufferPool();
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: nodeDial({ clock: systemClock, dialler, pool }),
    poll: nodePoll(dialler),
    judge: (said: Attesting) => dialler.judge(said),
    memoryOf: () => memory,
    wayOf: (address: string) => dialler.wayTo(new URL(address)),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new NodeCryptography(pool),
    loadTopics: () => Promise.resolve(prepareTopic),
    warn: (text: string) => process.emitWarning(text, "PosternWarning"),
  };
  return new RelayClient(parts, relays, options);
}

/** Each conversation has connections of its own: the polls of one, which wait, would keep the uploads of another from going. */
function nodePoll(dialler: Dialler): Dial {
  return (address, events) =>
    pollDial({ clock: systemClock, request: nodeRequest(dialler), newToken: randomWord })(address, events);
}
