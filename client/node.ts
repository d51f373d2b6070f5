/** The package `postern-client` on Node: the same names, and the same types, as in index.ts. */

import { systemClock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import { parseFingerprint } from "./node/fingerprint.ts";
import { NetworkMemory } from "./node/network-memory.ts";
import { NodeCryptography } from "./node/node-cryptography.ts";
import { nodeRequest } from "./node/node-request.ts";
import { nodeDial } from "./node/node-socket.ts";
import { pollDial } from "./polling/poll-socket.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay, RelayList, TlsOptions } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";

export * from "./public.ts";

const RESEND_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Connects to a relay, or to several: gives it at once, and dials in the background, over `ws`.
 * @param relays an address, `wss://` or `ws://`, with any path of the relay's; or several, in the order in which they are to be
 *   used; or what gives them. A topic is joined on the first three of them that are reached, at once.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(relays: string | readonly string[] | RelayList, options: ConnectOptions = {}): Relay {
  const trust = { ca: options.tls?.ca, fingerprint: checkedFingerprint(options.tls) };
  const memory = new NetworkMemory();
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: nodeDial(trust),
    poll: pollDial({ clock: systemClock, request: nodeRequest(trust), newToken: randomWord }),
    memoryOf: () => memory,
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new NodeCryptography(),
    warn: (text: string) => process.emitWarning(text, "PosternWarning"),
  };
  return new RelayClient(parts, relays, options);
}

function checkedFingerprint({ fingerprint }: TlsOptions = {}): string | undefined {
  const parsed = fingerprint === undefined ? undefined : parseFingerprint(fingerprint);
  if (fingerprint === undefined || parsed !== undefined) return parsed;
  throw new ConnectError("option-invalid", { cause: "tls.fingerprint: SHA-256 in 64 hex digits" });
}
