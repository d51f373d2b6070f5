import { expect, it } from "vitest";
import { createTarget } from "../../scripts/bench/generator/connection.ts";
import { verifyExchange } from "../../scripts/bench/generator/exchange.ts";
import type { SessionName } from "../../scripts/bench/generator/sessions/create-session.ts";
import { type ExchangeWorkload, workloads } from "../../scripts/bench/workloads.ts";
import { startRelay } from "../support/relay.ts";

const MESSAGES = 5;

function workloadOf(id: string): ExchangeWorkload {
  const workload = workloads.find((candidate) => candidate.id === id);
  if (workload?.kind !== "exchange") throw new Error(`no exchange ${id}`);
  return workload;
}

it.each<SessionName>(["seed-json", "v1-binary"])("verifies the fan-out of the relay over %s", async (sessionName) => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName };
  const workload = { ...workloadOf("W1 window 8"), membersPerTopic: 11 };

  const verification = await verifyExchange(subject, workload, MESSAGES);

  expect(verification).toEqual({ verifiedCount: MESSAGES * 10, expectedCount: MESSAGES * 10, faults: [] });
});

it("verifies pairs in topics of their own", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "v1-binary" } as const;
  const workload = { ...workloadOf("W6"), topicCount: 4 };

  const verification = await verifyExchange(subject, workload, MESSAGES);

  expect(verification).toEqual({ verifiedCount: MESSAGES * 8, expectedCount: MESSAGES * 8, faults: [] });
});
