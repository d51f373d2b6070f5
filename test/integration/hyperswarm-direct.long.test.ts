import Hyperswarm from "hyperswarm";
import { describe, expect, it, onTestFinished } from "vitest";
import { laterNode } from "../../scripts/client-cost/later-node.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";
import { blockedNode, TestDHT } from "../support/testnet.ts";

describe("swarms with a relay and a DHT", () => {
  it("connect directly where UDP works", async () => {
    const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
    const topic = newTopic();
    const [anna, bert] = [new TestSwarm(relay, { dht: dht.node() }), new TestSwarm(relay, { dht: dht.node() })];

    anna.swarm.join(topic);
    await anna.swarm.flush();
    bert.swarm.join(topic);
    await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
    anna.say("hello bert");
    bert.say("hello anna");
    await eventually(() => expect([anna.heard, bert.heard]).toEqual([["hello anna"], ["hello bert"]]));

    // On a busy machine the first answer by UDP may come late: then it is direct a little later.
    await eventually(() => {
      const paths = [anna, bert].map(({ swarm }) => [...swarm.connections].map(({ relayPath }) => relayPath));
      expect(paths).toEqual([["direct"], ["direct"]]);
    });
  });

  it.each([
    ["one", true],
    ["both", false],
  ])("connect by the relay where UDP is blocked for %s", async (_name, isOneFree) => {
    const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
    const topic = newTopic();
    const anna = new TestSwarm(relay, { dht: isOneFree ? dht.node() : blockedNode() });
    const bert = new TestSwarm(relay, { dht: blockedNode() });

    anna.swarm.join(topic);
    bert.swarm.join(topic);
    await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
    anna.say("hello bert");
    await eventually(() => expect(bert.heard).toEqual(["hello bert"]));

    expect(anna.connections.map(({ relayPath }) => relayPath)).toEqual(["relay"]);
  });

  it("meet a plain swarm that knows of no relay", async () => {
    const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
    const topic = newTopic();
    const plain = new Hyperswarm({ dht: dht.node() });
    onTestFinished(() => plain.destroy());
    const heard: string[] = [];
    plain.on("connection", (connection) => {
      connection.on("error", () => undefined);
      connection.on("data", (data) => heard.push(String(data)));
    });
    plain.join(topic);
    await plain.flush();

    const anna = new TestSwarm(relay, { dht: dht.node() });
    anna.swarm.join(topic);
    await eventually(() => expect(anna.swarm.connections.size).toBe(1));
    anna.say("hello plain");

    await eventually(() => expect(heard).toEqual(["hello plain"]));
  });

  it("carry nothing by the relay where only direct connections are wanted", async () => {
    const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
    const topic = newTopic();
    const only = new TestSwarm(relay, { dht: dht.node(), direct: "only" });
    const blocked = new TestSwarm(relay, { dht: blockedNode() });
    const free = new TestSwarm(relay, { dht: dht.node() });

    for (const { swarm } of [only, blocked, free]) swarm.join(topic);
    await eventually(() => expect(free.connectedKeys).toEqual([only.key, blocked.key].toSorted()));

    await eventually(() => expect(blocked.connectedKeys).toEqual([free.key]));

    expect(only.connections.map(({ relayPath }) => relayPath)).toEqual(["direct"]);
  });

  it("go over to a direct connection as soon as there is one, at both ends", async () => {
    const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
    const topic = newTopic();
    const [annas, berts] = [laterNode(dht.node()), laterNode(dht.node())];
    const [anna, bert] = [new TestSwarm(relay, { dht: annas.node }), new TestSwarm(relay, { dht: berts.node })];
    anna.swarm.join(topic);
    bert.swarm.join(topic);
    await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
    const paths = () => [anna, bert].map(({ swarm }) => [...swarm.connections].map(({ relayPath }) => relayPath));
    expect(paths()).toEqual([["relay"], ["relay"]]);

    for (const { open } of [annas, berts]) open();
    await eventually(() => expect(paths()).toEqual([["direct"], ["direct"]]));
    anna.say("hello bert");
    bert.say("hello anna");

    await eventually(() => expect([anna.heard, bert.heard]).toEqual([["hello anna"], ["hello bert"]]));
    expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]);
  });

  it("end and are suspended within seconds where UDP is blocked", async () => {
    const relay = await startRelay({ tls: "off" });
    const swarm = new TestSwarm(relay, { dht: blockedNode() });
    const topic = newTopic();
    swarm.swarm.join(topic);
    const startMs = performance.now();

    await swarm.swarm.suspend();
    await swarm.swarm.resume();
    await swarm.swarm.leave(topic);
    await swarm.swarm.destroy();

    expect(performance.now() - startMs).toBeLessThan(15_000);
  });
});
