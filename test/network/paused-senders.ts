import { expect } from "vitest";
import { type Kind, kinds, LineClient } from "./line-client.ts";
import { LineRelay } from "./line-relay.ts";
import type { Plan, Sending } from "./plan.ts";
import { print, sleep } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

/** One is more than is held of a sender that is read, and takes a reader on this line two minutes. */
const LARGE_BYTES = 1_000_000;
const SLOW_BITS_PER_SECOND = 64_000;
const POLITE_BYTES = 16_384;
/** Of the line of one that holds back: beside the relay its kernel takes megabytes before it is told. */
const POLITE_LINE_BITS_PER_SECOND = 2_000_000;
/** Of its reader's: what its kernel took before it was told has to get through within the 20 s that it waits for a pong. */
const POLITE_BITS_PER_SECOND = 1_000_000;
/** How often one that is not read is told so, and what may be late. */
const TOLD_EVERY_MS = 5000;
const MIN_TOLD_PART = 0.7;

/** A sender of a kind, and the reader on a slow line for whom it waits. */
type Pair = { readonly kind: Kind; readonly sender: Plan; readonly reader: Plan; readonly isPolite: boolean };

/** Senders of each kind that are not read stay for so long; so does one that holds back and is read. */
export async function keepPausedSenders(durationMs: number): Promise<void> {
  const network = new ShapedNetwork();
  const relay = await LineRelay.start(network.relaySide, 8080, ["--tls", "off"]);
  const pairs = [
    ...kinds.map((kind) => pairOf(network, relay, kind, { isPolite: false })),
    pairOf(network, relay, "python", { isPolite: true }),
  ];
  const readers = new LineClient(
    "ws",
    network.clientSide,
    pairs.map(({ reader }) => reader),
  );
  await readers.joined(pairs.length);
  const senders = pairs.map(({ kind, sender, isPolite }) => {
    return new LineClient(kind, isPolite ? network.clientSide : network.relaySide, [sender]);
  });

  await Promise.all(senders.map((client) => client.joined(1)));
  await sleep(durationMs);

  for (const [at, { sender, reader, isPolite }] of pairs.entries()) {
    const client = senders[at];
    const toldCount = client?.of(sender.name, "congested").length ?? 0;
    const readCount = readers.of(reader.name, "message").length;
    print(`${sender.name}: told ${toldCount} times, its reader has read ${readCount} messages`);
    expect.soft(client?.of(sender.name, "closed"), sender.name).toEqual([]);
    expect.soft(readers.of(reader.name, "closed"), reader.name).toEqual([]);
    if (isPolite) expect.soft(readCount, sender.name).toBeGreaterThan(0);
    else expect.soft(toldCount, sender.name).toBeGreaterThan((durationMs / TOLD_EVERY_MS) * MIN_TOLD_PART);
  }
}

function pairOf(
  network: ShapedNetwork,
  relay: LineRelay,
  kind: Kind,
  { isPolite }: { readonly isPolite: boolean },
): Pair {
  const name = isPolite ? `${kind} holds back` : `${kind} is paused`;
  const line = network.line(isPolite ? POLITE_BITS_PER_SECOND : SLOW_BITS_PER_SECOND);
  const send: Sending = {
    topic: name,
    sizeBytes: isPolite ? POLITE_BYTES : LARGE_BYTES,
    count: 0,
    begins: "when-met",
    isPolite,
  };
  const address = isPolite ? network.line(POLITE_LINE_BITS_PER_SECOND).relayAddress : "127.0.0.1";
  const own = { form: "binary", topics: [name] } as const;
  return {
    kind,
    isPolite,
    // Not read, no client gets a pong for its own ping; Python's ends itself for that by default.
    sender: { ...own, name, url: relay.url(address), send, ...(!isPolite && { keepalive: "patient" as const }) },
    reader: { ...own, name: `reader of ${name}`, url: relay.url(line.relayAddress) },
  };
}
