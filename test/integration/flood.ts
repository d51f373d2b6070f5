import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "../support/client.ts";

const PROBES = 100;
let nextProbe = 0;

/** Sends as fast as its socket takes it, until it is told to stop. */
export function flood(client: Client, topic: string, payloadBytes = 100): () => void {
  const message = JSON.stringify({ type: "data", topic, data: "x".repeat(payloadBytes) });
  let isOn = true;
  const sendMore = (): void => {
    // The sender's own memory is its bound here: a flood that waits in this process proves nothing.
    for (let count = 0; count < 200 && client.socket.bufferedAmount < 1_000_000; count += 1) client.send(message);
    if (isOn) setTimeout(sendMore, 5);
  };
  sendMore();
  return () => {
    isOn = false;
    client.socket.terminate();
  };
}

/** A percentile of the time from a message to its arrival, one after the other, in milliseconds. */
export async function percentile(
  part: number,
  sender: Client,
  receiver: Client,
  topic: string,
  probes: number = PROBES,
): Promise<number> {
  const latencies: number[] = [];
  for (let count = 0; count < probes; count += 1) {
    const probe = `probe ${nextProbe++}`;
    const arrival = new Promise<number>((resolve) => {
      const onMessage = (bytes: Buffer): void => {
        if (!bytes.includes(`${probe}"`)) return;
        receiver.socket.removeListener("message", onMessage);
        resolve(performance.now());
      };
      receiver.socket.on("message", onMessage);
    });
    const sentAtMs = performance.now();
    sender.send({ type: "data", topic, data: probe });
    latencies.push((await arrival) - sentAtMs);
    await pause(2);
  }
  return latencies.toSorted((a, b) => a - b)[Math.ceil(probes * part) - 1] ?? 0;
}
