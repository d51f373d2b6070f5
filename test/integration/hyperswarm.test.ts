import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";

it("lets two swarms find each other in a topic, and each is who it says", async () => {
  const relay = await startRelay({ tls: "off" });
  const [anna, bert] = [new TestSwarm(relay), new TestSwarm(relay)];
  const topic = newTopic();

  anna.swarm.join(topic);
  bert.swarm.join(topic);
  await eventually(() => expect(anna.connectedKeys).toEqual([bert.key]));
  await eventually(() => expect(bert.connectedKeys).toEqual([anna.key]));
  anna.say("hello bert");
  bert.say("hello anna");
  await eventually(() => expect([anna.heard, bert.heard]).toEqual([["hello anna"], ["hello bert"]]));

  const [ofAnna, ofBert] = [anna.connections[0], bert.connections[0]];
  expect(ofAnna?.handshakeHash?.length).toBe(64);
  expect(ofAnna?.handshakeHash).toEqual(ofBert?.handshakeHash);
  expect(ofAnna?.isInitiator).toBe(!ofBert?.isInitiator);
  expect(ofAnna?.relayPath).toBe("relay");
});

it("connects twelve swarms that join at once, each with each, by one connection, and drops none", async () => {
  const relay = await startRelay({ tls: "off" });
  const members = Array.from({ length: 12 }, () => new TestSwarm(relay));
  const topic = newTopic();

  for (const { swarm } of members) swarm.join(topic);
  await eventually(() => {
    for (const { key, connectedKeys } of members) {
      expect(connectedKeys).toEqual(members.map((member) => member.key).filter((other) => other !== key).toSorted());
    }
  });

  expect(members.flatMap(({ failures }) => failures)).toEqual([]);
  expect(members.map(({ connections }) => connections.length)).toEqual(members.map(() => 11));
});
