import { expect } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { unhurriedClock } from "../support/unhurried-clock.ts";

/** A relay under attack, with two innocent bystanders in a topic of their own. */
export type Scene = TestRelay & {
  /**
   * Asserts that the attack is over and has left nothing behind: the counts are those before it, the bystanders still
   * reach each other and were told nothing, and no part of the relay failed.
   */
  readonly expectUnharmed: () => Promise<void>;
};

/** Starts a relay over TLS (unless `tls` is off) whose closed connections are gone soon, and its bystanders. */
export async function openScene(overrides: Partial<Config> = {}): Promise<Scene> {
  const relay = await startRelay({ drainTimeoutMs: 200, ...overrides }, unhurriedClock);
  const classic = await openClassic(relay, "bystanders", "classic");
  const [v1] = await openV1(relay, "bystanders", "v1");
  await classic.next();
  const { topics, peers, connections } = relay.figures();

  async function expectUnharmed(): Promise<void> {
    await eventually(() => expect(relay.figures()).toMatchObject({ topics, peers, connections }));
    classic.send({ type: "data", data: "from classic" });
    v1.send({ type: "data", topic: "bystanders", data: "from v1" });
    expect(await v1.next()).toMatchObject({ type: "data", peerId: "classic", data: "from classic" });
    expect(await classic.next()).toEqual({ type: "data", peerId: "v1", data: "from v1" });
    expect(relay.logLines().filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  }

  return { ...relay, expectUnharmed };
}
