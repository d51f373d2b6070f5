import { expect } from "vitest";
import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { type Kind, kinds } from "./line-client.ts";
import { print, type Relays, type Row, Rows, rowOf, seconds, sleep, startRelays } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

const it = itOnShapedLines();

/**
 * Lines, what of it each library takes that lasts for seconds or is several in a minute, and the longest time between two
 * pongs that was measured there: when a reader stops, its last pong is as old as that.
 */
const LINES = [
  { kbitPerSecond: 1000, largeBytes: { ws: 3_000_000, python: 700_000, browser: 2_000_000 }, pongGapMs: 2100 },
  { kbitPerSecond: 320, largeBytes: { ws: 1_000_000, python: 200_000, browser: 500_000 }, pongGapMs: 2500 },
  { kbitPerSecond: 64, largeBytes: { ws: 65_536, python: 16_384, browser: 65_536 }, pongGapMs: 4500 },
] satisfies readonly { kbitPerSecond: number; largeBytes: Record<Kind, number>; pongGapMs: number }[];

const SMALL_BYTES = 16_384;
const STEADY_MS = 60_000;
/** Of what the line could carry, in whole messages beside the one that is under way. */
const MIN_READ_PART = 0.6;
const STALLED_MS = 10_000;
const LATEST_MS = 18_000;

type SteadyRow = { readonly row: Row; readonly messageBytes: number; readonly pongGapMs: number };

/** Steady readers: each line, each library, with TLS and without; without it the messages are large. */
function steadyRows(network: ShapedNetwork, { plain, tls }: Relays): readonly SteadyRow[] {
  return kinds.flatMap((kind) =>
    LINES.flatMap(({ kbitPerSecond, largeBytes, pongGapMs }) => {
      const wish = { kind, bitsPerSecond: kbitPerSecond * 1000 };
      const name = `${kind} at ${kbitPerSecond} kbit/s`;
      const messageBytes = largeBytes[kind];
      const large = rowOf(network, { ...wish, name, messageBytes, relay: plain });
      const small = rowOf(network, { ...wish, name: `${name}, TLS`, messageBytes: SMALL_BYTES, relay: tls });
      return [
        { row: large, messageBytes, pongGapMs },
        { row: small, messageBytes: SMALL_BYTES, pongGapMs },
      ];
    }),
  );
}

it(
  "keeps steady readers on slow lines for a minute, and ends them with 4001 in 10 to 18 s when they stop",
  async () => {
    const network = new ShapedNetwork();
    const steady = steadyRows(network, await startRelays(network));
    const rows = new Rows(
      network,
      steady.map(({ row }) => row),
    );
    await rows.joined();

    rows.send();
    await sleep(STEADY_MS);
    const isThere = steady.map(({ row }) => rows.isThere(row));
    const readBytes = steady.map(({ row }) => rows.bytesOf(row));
    rows.stop();
    const stoppedAt = rows.now();
    await rows.allClosed(STALLED_MS * 4);

    for (const [at, { row, messageBytes, pongGapMs }] of steady.entries()) {
      const silentMs = rows.leftAfterMs(row, stoppedAt);
      const closeCode = rows.closeCodeOf(row);
      print(`${row.name}: read ${readBytes[at]} bytes; stopped, ${closeCode} after ${seconds(silentMs)}`);
      expect.soft(isThere[at], row.name).toBe(true);
      expect.soft((readBytes[at] ?? 0) + messageBytes, row.name).toBeGreaterThan(shareOf(row));
      expect.soft(closeCode, row.name).toBe(4001);
      expect.soft(silentMs, row.name).toBeLessThanOrEqual(LATEST_MS);
      expect.soft(silentMs, row.name).toBeGreaterThanOrEqual(STALLED_MS - pongGapMs);
    }
  },
  240_000 + PATIENCE_MS,
);

/** Base64 is a third more on the line. */
function shareOf({ line, reader }: Row): number {
  const payloadPart = reader.form === "binary" ? 1 : 0.75;
  return ((line.bitsPerSecond / 8) * STEADY_MS * payloadPart * MIN_READ_PART) / 1000;
}
