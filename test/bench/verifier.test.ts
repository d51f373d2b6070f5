import { expect, it } from "vitest";
import { Connection, createTarget, type Receiver } from "../../scripts/bench/generator/connection.ts";
import { membersOf } from "../../scripts/bench/generator/members.ts";
import { ClassicJsonSession } from "../../scripts/bench/generator/sessions/classic-json.ts";
import type { Member } from "../../scripts/bench/generator/sessions/session.ts";
import { makePayload, STAMP_BYTES, writeSequence } from "../../scripts/bench/generator/stamp.ts";
import { Verifier } from "../../scripts/bench/generator/verifier.ts";
import type { ExchangeWorkload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

const PAYLOAD_BYTES = 64;
const nobody: Receiver = { onChunk: () => undefined, onDelivery: () => undefined, onFailure: () => undefined };

/** Two pairs, each in its topic, that are connected to nothing. */
function arrange() {
  const pairs = workloads.find(({ id }) => id === "W6") as ExchangeWorkload;
  const members = membersOf({ ...pairs, topicCount: 2 }) as readonly [Member, Member, Member, Member];
  const verifier = new Verifier(nobody, { payloadBytes: PAYLOAD_BYTES, hasEcho: false });
  for (const member of members) {
    const options = { payloadBytes: PAYLOAD_BYTES, keepBytes: 0 };
    const connection = new Connection(createTarget(1, ""), member, new ClassicJsonSession(member), nobody, options);
    connection.socket.destroy();
    verifier.add(connection);
  }
  const deliver = (sender: Member, receiver: Member, sequence: number, change: (text: string) => string = String) => {
    const payload = makePayload(PAYLOAD_BYTES, sender.index, "base64");
    writeSequence(payload, 0, sequence, new Uint8Array(STAMP_BYTES));
    const before = `{"type":"data","peerId":"${sender.peerId}","data":"`;
    verifier.onDelivery(receiver, Buffer.from(change(`${before}${payload.toString()}"}`)), before.length);
  };
  return { members, verifier, deliver };
}

it("takes messages that are as they were sent", () => {
  const { members, verifier, deliver } = arrange();
  const [a, b] = members;

  deliver(a, b, 0);
  deliver(b, a, 0);
  deliver(a, b, 1);

  expect(verifier).toMatchObject({ faults: [], verifiedCount: 3 });
});

it("finds a message that is missing, one that comes twice, and one out of order", () => {
  const { members, verifier, deliver } = arrange();
  const [a, b] = members;

  for (const sequence of [0, 2, 2, 1]) deliver(a, b, sequence);

  expect(verifier.faults).toEqual([
    "p00001 from p00000, message 2: out of order, 1 was to come",
    "p00001 from p00000, message 2: out of order, 3 was to come",
    "p00001 from p00000, message 1: out of order, 3 was to come",
  ]);
});

it("finds a changed byte, and another sender's name", () => {
  const { members, verifier, deliver } = arrange();
  const [a, b] = members;

  deliver(a, b, 0, (text) => `${text.slice(0, -4)}##"}`);
  deliver(a, b, 1, (text) => text.replace(a.peerId, b.peerId));

  expect(verifier.faults).toEqual([
    "p00001 from p00000, message 0: other bytes than were sent",
    "p00001 from p00000, message 1: not its sender's envelope",
  ]);
});

it("finds a message of another topic, and a member's own", () => {
  const { members, verifier, deliver } = arrange();
  const [a, b, other] = members;

  deliver(other, b, 0);
  deliver(a, a, 0);

  expect(verifier.faults).toEqual([
    "p00001 from p00002, message 0: of another topic",
    "p00000 from p00000, message 0: its own",
  ]);
});
