import { expect } from "vitest";
import { WebSocket } from "ws";
import { Client } from "../support/client.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { startRelay } from "../support/relay.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { kinds } from "./line-client.ts";
import { print, Rows, rowOf, sleep, startRelays } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

const it = itOnShapedLines();

/** 42 s on this line: longer than a sweep interval of 30 s. It waits below the high-water mark, so nothing else judges. */
const MESSAGE_BYTES = 670_000;
const BITS_PER_SECOND = 128_000;
const RECEIVED_MS = 75_000;
const HEARTBEAT_CLIENTS = 24;
/** In place of 30 s. */
const HEARTBEAT_MS = 1000;
const BEATING_MS = 45_000;
const TIMEOUT_MS = 240_000 + PATIENCE_MS;

it(
  "does not sweep a client that is receiving, with the intervals as they are",
  async () => {
    const network = new ShapedNetwork();
    const { plain, tls } = await startRelays(network);
    const wish = { bitsPerSecond: BITS_PER_SECOND, messageBytes: MESSAGE_BYTES, form: "binary", count: 1 } as const;
    const answering = kinds.map((kind) => {
      return rowOf(network, { ...wish, name: `${kind} receives`, kind, relay: kind === "ws" ? tls : plain });
    });
    const mute = rowOf(network, {
      ...wish,
      name: "mute",
      kind: "ws",
      relay: plain,
      reader: { keepalive: "mute" },
      count: 2,
    });
    const rows = new Rows(network, [...answering, mute]);
    await rows.joined();

    rows.send();
    await sleep(RECEIVED_MS);

    for (const row of rows.rows) {
      print(`${row.name}: read ${rows.bytesOf(row)} bytes, ${rows.ownWord(row)}`);
      expect.soft(rows.bytesOf(row), row.name).toBeGreaterThanOrEqual(MESSAGE_BYTES);
      expect.soft(rows.isThere(row), row.name).toBe(true);
    }
  },
  TIMEOUT_MS,
);

it(
  "does not cut a client that says nothing but its own heartbeat, once per sweep interval",
  async () => {
    const relay = await startRelay({
      tls: "off",
      sweepIntervalMs: HEARTBEAT_MS,
      pingIntervalMs: HEARTBEAT_MS * (25 / 30),
    });
    const timers = await Promise.all(
      Array.from({ length: HEARTBEAT_CLIENTS }, async (_, at) => {
        await sleep((at * HEARTBEAT_MS) / HEARTBEAT_CLIENTS);
        const socket = new WebSocket(relay.url, { autoPong: false });
        const client = new Client(socket);
        await new Promise((resolve) => {
          socket.once("open", resolve);
        });
        client.send({ type: "join", topic: `heart ${at}` });
        return setInterval(() => socket.pong(), HEARTBEAT_MS);
      }),
    );

    await sleep(BEATING_MS);
    for (const timer of timers) clearInterval(timer);

    expect(relay.figures()).toMatchObject({ peers: HEARTBEAT_CLIENTS, swept: 0 });
  },
  TIMEOUT_MS,
);
