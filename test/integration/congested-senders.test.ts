import { expect, it } from "vitest";
import { type Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** Less than what is held of a sender that is read, and several of them are more than an outbox takes. */
const DATA = Buffer.alloc(100_000, "x").toString("base64");
const MESSAGE_COUNT = 200;
/** Nobody is judged while these tests look. */
const PATIENT = { stalledReaderTimeoutMs: 120_000, slowReaderTimeoutMs: 120_000, sweepIntervalMs: 120_000 };

const typesOf = ({ texts }: Client) => texts.map((text) => (JSON.parse(text) as { readonly type: string }).type);

/** A sender, a member that reads nothing and for whom the sender's messages are held, and one that reads. */
async function scene(relay: TestRelay) {
  const [stalled, { peerHandle: stalledHandle }] = await openV1(relay, "t", "stalled");
  const [healthy, { peerHandle: healthyHandle }] = await openV1(relay, "t", "healthy");
  const [sender] = await openV1(relay, "t", "sender");
  stalled.socket.pause();
  while (!typesOf(sender).includes("congested")) {
    sender.send({ type: "data", topic: "t", to: stalledHandle, data: DATA });
    await sender.settled();
  }
  return { sender, stalled, healthy, stalledHandle, healthyHandle };
}

it("goes on for a healthy member while what a stalled one is to get is held", async () => {
  const relay = await startRelay(PATIENT);
  const { sender, stalled, healthy, stalledHandle, healthyHandle } = await scene(relay);

  for (let index = 0; index < MESSAGE_COUNT; index += 1) {
    sender.send({ type: "data", topic: "t", to: healthyHandle, data: Buffer.from(`${index}`).toString("base64") });
  }

  await eventually(() => expect(typesOf(healthy).filter((type) => type === "data")).toHaveLength(MESSAGE_COUNT));
  expect(sender.texts.filter((text) => text.includes("congested")).map((text) => JSON.parse(text))).toEqual([
    expect.objectContaining({ type: "congested", topic: "t", to: stalledHandle }),
  ]);
  expect(relay.figures()).toMatchObject({ pauses: 0, peers: 3 });
  stalled.socket.resume();
  await eventually(() => expect(typesOf(sender).at(-1)).toBe("relieved"));
});

it("hears the ping, the token and the leave of a sender whose messages are held", async () => {
  const relay = await startRelay(PATIENT);
  const { sender, stalled, healthy } = await scene(relay);

  await sender.settled();
  sender.send({ type: "auth", token: "", ref: 7 });
  await eventually(() => expect(sender.texts.some((text) => text.includes('"ref":7'))).toBe(true));
  sender.send({ type: "leave", topic: "t", ref: 8 });

  await eventually(() => {
    expect(JSON.parse(sender.texts.at(-1) ?? "")).toMatchObject({ type: "peer-left", peerId: "sender", ref: 8 });
  });
  await eventually(() => expect(typesOf(healthy)).toContain("peer-left"));
  expect(relay.figures().pauses).toBe(0);
  stalled.socket.resume();
  // Behind all that it was owed.
  await eventually(() => expect(typesOf(stalled).at(-1)).toBe("peer-left"));
});
