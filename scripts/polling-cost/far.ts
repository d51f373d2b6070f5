import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../client/node.ts";
import type { Topic } from "../../client/topic.ts";
import { median } from "../bench/report/statistics.ts";
import { posternPublic } from "../kill-test/contestants/postern.ts";
import { onStage } from "../kill-test/stage.ts";

const ROUND_TRIP_MS = 100;
const PAYLOAD_BYTES = 65_536;
/** In which a transfer finds its pace. */
const WARM_UP_MS = 4000;
const MEASURE_MS = 4000;
const LONE_COUNT = 20;
/** The last answers of a transfer are read by then, and one poll waits. */
const QUIET_MS = 500;

/** P1: what a client that polls gets and sends, 100 ms from its relay. */
export type FarCost = {
  /** From a WebSocket to the one that polls, and from that to a WebSocket. */
  readonly downMegabytesPerSecond: number;
  readonly upMegabytesPerSecond: number;
  /** Of a message that comes alone, from its sender to its receiver: the median, in round trips. */
  readonly downRoundTrips: number;
  readonly upRoundTrips: number;
};

/** Measures P1, with the SDK at both ends: one polls, the other has a WebSocket, and both have the same way to the relay. */
export function measureFar(): Promise<FarCost> {
  return onStage(
    posternPublic,
    2,
    async ({ proxy, ca }) => {
      const options = { tls: { ca } };
      const polls = connect(`wss://127.0.0.1:${proxy.port(0)}`, { ...options, transports: ["polling"] });
      const socket = connect(`wss://127.0.0.1:${proxy.port(1)}`, { ...options, transports: ["websocket"] });
      try {
        const [polling, other] = await Promise.all([polls, socket].map((relay) => relay.join("far", { public: true })));
        if (polling === undefined || other === undefined) throw new Error("nobody has joined");
        while (polling.peers.size === 0 || other.peers.size === 0) await pause(10);
        const downRoundTrips = await loneRoundTrips(other, polling);
        const upRoundTrips = await loneRoundTrips(polling, other);
        const downMegabytesPerSecond = await rate(other, polling);
        const upMegabytesPerSecond = await rate(polling, other);
        return { downMegabytesPerSecond, upMegabytesPerSecond, downRoundTrips, upRoundTrips };
      } finally {
        await Promise.all([polls.close(), socket.close()]);
      }
    },
    { delayMs: ROUND_TRIP_MS / 2 },
  );
}

async function loneRoundTrips(from: Topic, to: Topic): Promise<number> {
  const tookMs: number[] = [];
  for (let count = 0; count < LONE_COUNT; count += 1) {
    await pause(QUIET_MS);
    const came = new Promise<void>((resolve) => {
      const stop = to.on("message", () => {
        stop();
        resolve();
      });
    });
    const sentMs = performance.now();
    await from.broadcast("alone");
    await came;
    tookMs.push(performance.now() - sentMs);
  }
  return median(tookMs) / ROUND_TRIP_MS;
}

/** Sends as fast as it goes. */
async function rate(from: Topic, to: Topic): Promise<number> {
  let receivedBytes = 0;
  const over = new AbortController();
  const stop = to.on("message", ({ data }) => (receivedBytes += data.length));
  const sending = (async () => {
    const payload = new Uint8Array(PAYLOAD_BYTES);
    while (!over.signal.aborted) await from.broadcast(payload);
  })();
  await pause(WARM_UP_MS);
  const [bytesBefore, beforeMs] = [receivedBytes, performance.now()];
  await pause(MEASURE_MS);
  const perSecond = ((receivedBytes - bytesBefore) * 1000) / (performance.now() - beforeMs);
  over.abort();
  await sending;
  await pause(QUIET_MS);
  stop();
  return perSecond / 1e6;
}
