import { expect } from "vitest";
import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { type Kind, kinds, LineClient } from "./line-client.ts";
import { LineRelay } from "./line-relay.ts";
import type { Plan } from "./plan.ts";
import { print, type Relays, type Row, Rows, rowOf, seconds, sleep, startRelays } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

const it = itOnShapedLines();

const MBIT = 1_000_000;
const OBSERVED_MS = 75_000;
const TIMEOUT_MS = 240_000 + PATIENCE_MS;
const SMALL_BYTES = 16_384;
const UPLOAD_MESSAGE_BYTES = 1_048_576;
const UPLOAD_MESSAGES = 4;
/** Its first fills an outbox, and its second is more than is held of a sender that is read. */
const HELD_BYTES = 1_100_000;
/** A page cannot read slowly: there the line is slow. */
const TOO_SLOW_BYTES_PER_SECOND = 2048;
const SLOW_MESSAGE_BYTES = 2048;

/** They read too slowly. */
function slowRow(network: ShapedNetwork, { plain, tls }: Relays, kind: Kind): Row {
  const isPage = kind === "browser";
  return rowOf(network, {
    name: `${kind} reads 2 KiB/s`,
    kind,
    bitsPerSecond: isPage ? TOO_SLOW_BYTES_PER_SECOND * 8 : MBIT,
    messageBytes: SLOW_MESSAGE_BYTES,
    relay: kind === "python" ? tls : plain,
    reader: isPage ? {} : { readBytesPerSecond: TOO_SLOW_BYTES_PER_SECOND },
  });
}

/** They send as fast as their line takes it, and receive meanwhile. */
function uploadRow(network: ShapedNetwork, { plain, tls }: Relays, kind: Kind): Row {
  const name = `${kind} uploads 4 MiB`;
  const topic = `upload of ${name}`;
  return rowOf(network, {
    name,
    kind,
    bitsPerSecond: MBIT,
    messageBytes: SMALL_BYTES,
    relay: kind === "ws" ? tls : plain,
    form: "binary",
    reader: {
      topics: [`topic of ${name}`, topic],
      send: { topic, sizeBytes: UPLOAD_MESSAGE_BYTES, count: UPLOAD_MESSAGES, begins: "when-met" },
    },
  });
}

/** They are not read for a while: they send more to somebody slow than is held of them. */
function unreadRow(network: ShapedNetwork, { plain, tls }: Relays, kind: Kind): Row {
  const name = `${kind} is not read`;
  const topic = `slow topic of ${name}`;
  return rowOf(network, {
    name,
    kind,
    bitsPerSecond: MBIT,
    messageBytes: SMALL_BYTES,
    relay: kind === "browser" ? tls : plain,
    form: "binary",
    reader: {
      topics: [`topic of ${name}`, topic],
      // Python's own pings are not answered meanwhile: by default it ends itself after 40 s.
      keepalive: "patient",
      send: { topic, sizeBytes: HELD_BYTES, count: 2, begins: "when-met" },
    },
  });
}

/** Who is in the second topic of a row. */
function listenerTo({ reader, relay }: Row, address: string): Plan {
  return {
    name: `listener to ${reader.name}`,
    url: relay.url(address),
    form: "binary",
    topics: reader.topics.slice(1),
  };
}

it(
  "ends readers of 2 KiB/s and silent ones in time, and none that uploads or was not read",
  async () => {
    const network = new ShapedNetwork();
    const relays = await startRelays(network);
    const slow = kinds.map((kind) => slowRow(network, relays, kind));
    const uploads = kinds.map((kind) => uploadRow(network, relays, kind));
    const unread = kinds.map((kind) => unreadRow(network, relays, kind));
    const never = kinds.map((kind) =>
      rowOf(network, {
        name: `${kind} never answers`,
        kind,
        bitsPerSecond: MBIT,
        messageBytes: SMALL_BYTES,
        relay: relays.plain,
      }),
    );
    const fast = new LineClient(
      "ws",
      network.relaySide,
      uploads.map((row) => listenerTo(row, "127.0.0.1")),
    );
    const listening = unread.map((row) => listenerTo(row, network.line(MBIT / 5).relayAddress));
    const slowListeners = new LineClient("ws", network.clientSide, listening);
    await Promise.all([fast.joined(uploads.length), slowListeners.joined(unread.length)]);
    const silent = new Rows(network, never);
    await silent.joined();
    silent.stop();
    const rows = new Rows(network, [...slow, ...uploads, ...unread]);
    await rows.joined();

    rows.send();
    silent.send();
    const sentAtMs = performance.now();
    const sentAt = rows.now();
    await sleep(OBSERVED_MS);

    for (const row of slow) {
      const leftMs = rows.leftAfterMs(row, sentAt);
      print(`${row.name}: ${rows.closeCodeOf(row)} after ${seconds(leftMs)}`);
      expect.soft([4001, 4002], row.name).toContain(rows.closeCodeOf(row));
      expect.soft(leftMs, row.name).toBeLessThanOrEqual(30_000);
    }
    for (const row of never) {
      const leftMs = silent.leftAfterMs(row, sentAt);
      print(`${row.name}: ${silent.closeCodeOf(row)} after ${seconds(leftMs)}`);
      expect.soft(silent.closeCodeOf(row), row.name).toBe(4001);
      expect.soft(leftMs, row.name).toBeLessThanOrEqual(45_000);
    }
    for (const row of uploads) {
      const arrived = fast.of(`listener to ${row.name}`, "message");
      const tookMs = (arrived.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) - sentAtMs;
      print(
        `${row.name}: ${arrived.length} MiB after ${seconds(tookMs)}, read ${rows.bytesOf(row)} bytes, ${rows.ownWord(row)}, relay ${rows.closeCodeOf(row)}`,
      );
      expect
        .soft(
          arrived.map(({ bytes }) => bytes),
          row.name,
        )
        .toEqual(Array(UPLOAD_MESSAGES).fill(UPLOAD_MESSAGE_BYTES));
      expect.soft(rows.isThere(row), row.name).toBe(true);
    }
    for (const row of unread) {
      const client = rows.readerOf(row);
      const [first] = client.of(row.name, "congested");
      const last = client.of(row.name, "relieved").at(-1);
      const unreadMs = (last?.atMs ?? Number.NaN) - (first?.atMs ?? Number.NaN);
      print(
        `${row.name}: for ${seconds(unreadMs)}, read ${rows.bytesOf(row)} bytes, ${rows.ownWord(row)}, relay ${rows.closeCodeOf(row)}`,
      );
      expect.soft(unreadMs, row.name).toBeGreaterThanOrEqual(12_000);
      expect.soft(slowListeners.of(`listener to ${row.name}`, "message").length, row.name).toBeGreaterThan(0);
      expect.soft(rows.isThere(row), row.name).toBe(true);
    }
  },
  TIMEOUT_MS,
);

it(
  "would not end a silent reader in time without asking how far it has read",
  async () => {
    const network = new ShapedNetwork();
    const preload = ["--import", `${import.meta.dirname}/no-progress-pings.ts`];
    const relay = await LineRelay.start(network.relaySide, 8080, ["--tls", "off"], preload);
    const row = rowOf(network, { name: "silent", kind: "ws", bitsPerSecond: MBIT, messageBytes: SMALL_BYTES, relay });
    const rows = new Rows(network, [row]);
    await rows.joined();
    rows.send();
    await sleep(15_000);
    expect(rows.bytesOf(row)).toBeGreaterThan(0);

    rows.stop();
    await sleep(18_000);

    expect(rows.isThere(row)).toBe(true);
  },
  TIMEOUT_MS,
);
