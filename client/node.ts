/** The package `postern-client` on Node: the same names, and the same types, as in index.ts. */

import { systemClock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import type { Dial } from "./line/socket.ts";
import { parseFingerprint } from "./node/fingerprint.ts";
import { NetworkMemory } from "./node/network-memory.ts";
import { NodeCryptography } from "./node/node-cryptography.ts";
import { nodeRequest } from "./node/node-request.ts";
import { type NodeDialOptions, nodeDial } from "./node/node-socket.ts";
import { pollDial } from "./polling/poll-socket.ts";
import { randomWord } from "./random.ts";
import type { ConnectOptions, Relay, TlsOptions } from "./relay.ts";
import { RelayClient } from "./relay-client.ts";

export * from "./public.ts";

const RESEND_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Connects to a relay: gives it at once, and dials in the background, over `ws`.
 * @param address `wss://` or `ws://`, with any path of the relay's.
 * @throws ConnectError `address-invalid`, `option-invalid`
 */
export function connect(address: string, options: ConnectOptions = {}): Relay {
  const trust = { ca: options.tls?.ca, fingerprint: checkedFingerprint(options.tls) };
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: nodeDial(trust),
    poll: nodePoll(trust),
    memory: new NetworkMemory(),
    resendBufferBytes: RESEND_BUFFER_BYTES,
    cryptography: new NodeCryptography(),
    warn: (text: string) => process.emitWarning(text, "PosternWarning"),
  };
  return new RelayClient(parts, address, options);
}

/** Each conversation has connections of its own: the polls of one, which wait, would keep the uploads of another from going. */
function nodePoll(trust: NodeDialOptions): Dial {
  return (address, events) =>
    pollDial({ clock: systemClock, request: nodeRequest(trust), newToken: randomWord })(address, events);
}

function checkedFingerprint({ fingerprint }: TlsOptions = {}): string | undefined {
  const parsed = fingerprint === undefined ? undefined : parseFingerprint(fingerprint);
  if (fingerprint === undefined || parsed !== undefined) return parsed;
  throw new ConnectError("option-invalid", { cause: "tls.fingerprint: SHA-256 in 64 hex digits" });
}
