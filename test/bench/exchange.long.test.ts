import { expect, it, onTestFinished, vi } from "vitest";
import { createTarget } from "../../scripts/bench/generator/connection.ts";
import { verifyExchange } from "../../scripts/bench/generator/exchange.ts";
import type { SessionName } from "../../scripts/bench/generator/sessions/create-session.ts";
import { StalledTopics } from "../../scripts/bench/generator/stalled-topics.ts";
import type { ExchangeWorkload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";
import { startRelay } from "../support/relay.ts";

const MESSAGES = 5;
/** As the workload has it. */
const PATIENT = { stalledReaderTimeoutMs: 600_000, slowReaderTimeoutMs: 600_000 };

function workloadOf(id: string): ExchangeWorkload {
  const workload = workloads.find((candidate) => candidate.id === id);
  if (workload?.kind !== "exchange") throw new Error(`no exchange ${id}`);
  return workload;
}

it.each<SessionName>(["classic-json", "classic-json-topic-first", "v1-binary", "raw"])(
  "verifies the fan-out of the relay over %s",
  async (sessionName) => {
    const relay = await startRelay();
    const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName };
    const workload = { ...workloadOf("W1 window 8"), membersPerTopic: 11 };

    const verification = await verifyExchange(subject, workload, MESSAGES);

    expect(verification).toEqual({ verifiedCount: MESSAGES * 10, expectedCount: MESSAGES * 10, faults: [] });
  },
);

it("verifies pairs in topics of their own", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "v1-binary" } as const;
  const workload = { ...workloadOf("W6"), topicCount: 4 };

  const verification = await verifyExchange(subject, workload, MESSAGES);

  expect(verification).toEqual({ verifiedCount: MESSAGES * 8, expectedCount: MESSAGES * 8, faults: [] });
});

it.each<SessionName>(["classic-json", "v1-binary"])(
  "verifies a topic beside readers that stall, over %s",
  async (name) => {
    const workload = workloadOf("S1 stalled");
    // So small that the kernel's buffers are most of what there is to fill.
    const relay = await startRelay({ ...PATIENT, outboxHighWaterBytes: 65_536 });
    const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: name };
    const stalledReaders = { topicCount: 2, readersPerTopic: 2, payloadBytes: 16_384 };

    const verification = await verifyExchange(subject, { ...workload, stalledReaders }, MESSAGES);

    expect(verification).toEqual({ verifiedCount: MESSAGES * 380, expectedCount: MESSAGES * 380, faults: [] });
    expect(relay.figures().pauses).toBeGreaterThanOrEqual(2);
  },
);

it("fails where the relay lets readers go that are to be stalled", async () => {
  const relay = await startRelay({ stalledReaderTimeoutMs: 100, outboxHighWaterBytes: 65_536 });
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "v1-binary" } as const;
  const topics = new StalledTopics(subject, { heldUpMs: 20, timeoutMs: 5000 });
  onTestFinished(() => topics.close());

  await topics.stall({ topicCount: 1, readersPerTopic: 1, payloadBytes: 16_384 });

  await vi.waitFor(() => expect(() => topics.throwIfReleased()).toThrow("whose readers are stalled"), 5000);
});
