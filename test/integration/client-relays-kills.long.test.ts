import { setTimeout as after } from "node:timers/promises";
import { expect, it } from "vitest";
import { TIME_FACTOR } from "../support/patience.ts";
import { allConnected, Load, membersOn } from "../support/relay-load.ts";
import { startRelayProcesses } from "../support/relay-processes.ts";

/** A relay takes up to two seconds to start, and it starts twenty times. */
const LONG_MS = 120_000 * TIME_FACTOR;

it(
  "loses and doubles nothing while two relays are killed in turn, twenty times, under load",
  async () => {
    const processes = await startRelayProcesses(2);
    const { relays, topics } = await membersOn(processes, 5);
    const load = new Load(topics);
    load.start(20);

    for (let round = 0; round < 20; round += 1) {
      const server = processes.servers[round % 2];
      await after(100);
      await server?.kill();
      await after(50);
      await server?.start();
      await allConnected(relays);
    }
    const { owed, heard } = await load.end();

    expect(load.faults).toEqual([]);
    expect(heard).toBe(owed);
    expect(owed).toBeGreaterThan(20_000 / TIME_FACTOR);
  },
  LONG_MS,
);
