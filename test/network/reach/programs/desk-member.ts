import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../../client/node.ts";
import type { Peer, Topic } from "../../../../client/topic.ts";
import type { DeskEvent } from "../desk-events.ts";

// A member at a desk, with nothing but its environment to tell it how to get out. It passes when messages of three sizes have
// come back. On the line `stream` it begins to send numbers, and on the line `stop` it tells what of them has come back.

const SIZES_BYTES = [1, 20_000, 60_000];
const JOIN_TIMEOUT_MS = 60_000;
const STEP_MS = 100;
const LAST_MS = 30_000;

const [, , address = "", name = ""] = process.argv;
const startedMs = performance.now();
const afterMs = (): number => Math.round(performance.now() - startedMs);

function tell(event: DeskEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const relay = connect(address);
relay.on("state", (state) => tell({ event: "state", state, afterMs: afterMs() }));
relay.on("error", ({ code, message }) => tell({ event: "error", code, message, afterMs: afterMs() }));

async function echoTo(topic: Topic): Promise<Peer> {
  const [here] = topic.peers.values();
  const peer = here ?? (await new Promise<Peer>((resolve) => topic.on("join", resolve)));
  for (const size of SIZES_BYTES) {
    const answer = await topic.request(peer, new Uint8Array(size).fill(size), { timeoutMs: JOIN_TIMEOUT_MS });
    if (answer.length !== size) throw new Error(`${size} bytes went out, and ${answer.length} came back`);
  }
  return peer;
}

/** Sends numbers until it is told to stop, and waits for those that are missing. */
async function stream(topic: Topic, peer: Peer, stopped: AbortSignal): Promise<void> {
  let receivedCount = 0;
  let lostCount = 0;
  let isInOrder = true;
  topic.on("message", ({ text }) => {
    isInOrder &&= Number(text) === receivedCount + lostCount;
    receivedCount += 1;
    tell({ event: "echo" });
  });
  topic.on("lost", ({ count }) => {
    lostCount += count;
  });
  let sentCount = 0;
  while (!stopped.aborted) {
    await topic.send(peer, `${sentCount}`);
    sentCount += 1;
    await sleep(STEP_MS);
  }
  const isComplete = (): boolean => receivedCount + lostCount === sentCount;
  for (let waitedMs = 0; !isComplete() && waitedMs < LAST_MS; waitedMs += STEP_MS) await sleep(STEP_MS);
  // Time for what comes twice.
  await sleep(10 * STEP_MS);
  tell({ event: "streamed", sentCount, receivedCount, lostCount, isInOrder });
}

const topic = await relay.join(name, { public: true, timeoutMs: JOIN_TIMEOUT_MS });
const peer = await echoTo(topic);
const { transport = "websocket" } = relay.info as { readonly transport?: string };
tell({ event: "passes", transport, afterMs: afterMs() });

const stopping = new AbortController();
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "stream") void stream(topic, peer, stopping.signal);
  else if (line === "ask") {
    await topic.request(peer, "are you there", { timeoutMs: JOIN_TIMEOUT_MS });
    tell({ event: "passes", transport, afterMs: afterMs() });
  } else stopping.abort();
}
