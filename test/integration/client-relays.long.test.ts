import { setTimeout as after } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { TIME_FACTOR } from "../support/patience.ts";
import { allConnected, Load, membersOn } from "../support/relay-load.ts";
import { startRelayProcesses } from "../support/relay-processes.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

it("stalls for less than 100 ms when one of two relays is killed", async () => {
  const processes = await startRelayProcesses(2);
  const { topics } = await membersOn(processes, 3);
  const gapsMs: number[] = [];
  const load = new Load(topics);
  load.start(5);
  await after(1000);

  load.largestGapMs = 0;
  await processes.servers[0]?.kill();
  await after(1000);
  gapsMs.push(load.largestGapMs);
  const { owed, heard } = await load.end();

  expect(heard).toBe(owed);
  expect(load.faults).toEqual([]);
  expect(gapsMs[0]).toBeLessThan(100 * TIME_FACTOR);
});

it("notices within 12 s that a relay stands still, loses nothing, and shows nothing", async () => {
  const processes = await startRelayProcesses(2);
  const { relays, topics } = await membersOn(processes, 3);
  const load = new Load(topics);
  load.start(20);
  await after(500);

  const [server] = processes.servers;
  const stoppedAtMs = performance.now();
  process.kill(server?.pid ?? 0, "SIGSTOP");
  const noticed = relays.map(
    (relay) =>
      new Promise<number>((resolve) => {
        relay.on("relays", (all) => {
          if (all.some(({ state }) => state !== "connected")) resolve(performance.now() - stoppedAtMs);
        });
      }),
  );
  const noticedMs = await Promise.all(noticed);
  const { owed, heard } = await load.end();

  expect(Math.max(...noticedMs)).toBeLessThan(12_000 * TIME_FACTOR);
  expect(load.faults).toEqual([]);
  expect(heard).toBe(owed);
});

it("loses nothing while one relay after the other restarts as planned", async () => {
  const processes = await startRelayProcesses(3);
  const { relays, topics } = await membersOn(processes, 4);
  const load = new Load(topics);
  load.start(10);

  for (let round = 0; round < 3; round += 1) {
    const server = processes.servers[round];
    await server?.stop();
    await server?.start();
    await allConnected(relays);
  }
  const { owed, heard } = await load.end();

  expect(load.faults).toEqual([]);
  expect(heard).toBe(owed);
});

it("holds 1,000 topics in less than 20 MB", async () => {
  const processes = await startRelayProcesses(1);
  const [url] = processes.urls as [string];
  const relay = connect(url, { tls: { ca: processes.ca } });
  onTestFinished(() => relay.close());
  await relay.join("first", { public: true });
  const beforeBytes = heldBytes();

  const joining = Array.from({ length: 1000 }, (_, index) => relay.join(`topic-${index}`, { public: true }));
  const topics = await Promise.all(joining);
  await after(500);
  const grownBytes = heldBytes() - beforeBytes;

  expect(topics).toHaveLength(1000);
  expect(grownBytes).toBeLessThan(20_000_000);
});

/** What is held, in the heap and outside of it. */
function heldBytes(): number {
  if (typeof collectGarbage === "function") collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
