import { describe, expect, it, onTestFinished } from "vitest";
import { RelayDHT } from "../../client/node-hyperswarm.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";

/** Two swarms in one topic of a relay, connected. */
async function connectedPair(relay: Awaited<ReturnType<typeof startRelay>>, topic: Buffer = newTopic()) {
  const [anna, bert] = [new TestSwarm(relay), new TestSwarm(relay)];
  anna.swarm.join(topic);
  bert.swarm.join(topic);
  await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
  return { anna, bert, topic };
}

describe("plain swarms over a relay", () => {
  it("find each other in a topic, and each is who it says", async () => {
    const relay = await startRelay({ tls: "off" });

    const { anna, bert } = await connectedPair(relay);
    anna.say("hello bert");
    bert.say("hello anna");
    await eventually(() => expect([anna.heard, bert.heard]).toEqual([["hello anna"], ["hello bert"]]));

    const [ofAnna, ofBert] = [anna.connections[0], bert.connections[0]];
    expect(ofAnna?.handshakeHash?.length).toBe(64);
    expect(ofAnna?.handshakeHash).toEqual(ofBert?.handshakeHash);
    expect(ofAnna?.isInitiator).toBe(!ofBert?.isInitiator);
    expect(ofAnna?.relayPath).toBe("relay");
  });

  it("connect each with each by one connection, twelve that join at once, and drop none", async () => {
    const relay = await startRelay({ tls: "off" });
    const members = Array.from({ length: 12 }, () => new TestSwarm(relay));
    const topic = newTopic();

    for (const { swarm } of members) swarm.join(topic);
    await eventually(() => {
      for (const { key, connectedKeys } of members) {
        expect(connectedKeys).toEqual(
          members
            .map((member) => member.key)
            .filter((other) => other !== key)
            .toSorted(),
        );
      }
    });

    expect(members.flatMap(({ failures }) => failures)).toEqual([]);
    expect(members.map(({ connections }) => connections.length)).toEqual(members.map(() => 11));
  });

  it("keep their connection over a restart of the relay, and find who comes afterwards", async () => {
    const relay = await startRelay({ tls: "off" });
    const { anna, bert, topic } = await connectedPair(relay);

    await relay.stop();
    anna.say("sent while it is down");
    const again = await startRelay({ tls: "off", port: relay.port });
    await eventually(() => expect(bert.heard).toEqual(["sent while it is down"]));
    const carl = new TestSwarm(again);
    carl.swarm.join(topic);
    await eventually(() => expect([anna.connections.length, bert.connections.length]).toEqual([2, 2]));

    expect(carl.connectedKeys).toEqual([anna.key, bert.key].toSorted());
    expect([anna.failures, bert.failures]).toEqual([[], []]);
  });

  it("find servers as clients, and not each other", async () => {
    const relay = await startRelay({ tls: "off" });
    const [server, one, other] = [new TestSwarm(relay), new TestSwarm(relay), new TestSwarm(relay)];
    const topic = newTopic();

    one.swarm.join(topic, { server: false, client: true });
    const joined = other.swarm.join(topic, { server: false, client: true });
    await eventually(async () => expect(await joined.flushed()).toBe(true));
    server.swarm.join(topic, { server: true, client: false });
    await eventually(() => expect(server.connectedKeys).toEqual([one.key, other.key].toSorted()));

    expect([one.connectedKeys, other.connectedKeys]).toEqual([[server.key], [server.key]]);
    // Now it can be found, without having left.
    await joined.refresh({ server: true, client: true });
    await eventually(() => expect(one.connectedKeys).toEqual([server.key, other.key].toSorted()));
  });

  it("reach a peer by its key alone, before or after it listens", async () => {
    const relay = await startRelay({ tls: "off" });
    const [anna, bert, carl] = [new TestSwarm(relay), new TestSwarm(relay), new TestSwarm(relay)];

    anna.swarm.joinPeer(bert.swarm.keyPair.publicKey);
    await bert.swarm.listen();
    carl.swarm.joinPeer(bert.swarm.keyPair.publicKey);

    await eventually(() => expect(bert.connectedKeys).toEqual([anna.key, carl.key].toSorted()));
    expect([anna.connectedKeys, carl.connectedKeys]).toEqual([[bert.key], [bert.key]]);
  });

  it("keep a connection when one leaves the topic, and are found there no more", async () => {
    const relay = await startRelay({ tls: "off" });
    const { anna, bert, topic } = await connectedPair(relay);

    await anna.swarm.leave(topic);
    const carl = new TestSwarm(relay);
    carl.swarm.join(topic);
    await eventually(() => expect(carl.connectedKeys).toEqual([bert.key]));
    anna.say("still here");

    await eventually(() => expect(bert.heard).toEqual(["still here"]));
    expect(carl.connectedKeys).toEqual([bert.key]);
  });

  it("turn away whom the firewall refuses, who is told at once", async () => {
    const relay = await startRelay({ tls: "off" });
    const closed = new TestSwarm(relay, { firewall: () => true });
    const topic = newTopic();
    closed.swarm.join(topic, { client: false, server: true });
    await closed.swarm.flush();
    const dht = new RelayDHT({ relays: relay.url });
    onTestFinished(() => dht.destroy());

    const connection = dht.connect(closed.swarm.keyPair.publicKey);
    const error = await new Promise<Error & { code?: string }>((resolve) => connection.on("error", resolve));

    expect(error.code).toBe("PEER_CONNECTION_FAILED");
    expect(closed.connections).toEqual([]);
  });

  it("meet only who has the same secret, where they have one", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const members = [new TestSwarm(relay, { secret }), new TestSwarm(relay, { secret }), new TestSwarm(relay)] as const;
    const [anna, bert, stranger] = members;
    const topic = newTopic();

    const [, , lookedUp] = members.map(({ swarm }) => swarm.join(topic));
    await eventually(() => expect(anna.connectedKeys).toEqual([bert.key]));
    const dialled = stranger.swarm.dht.connect(anna.swarm.keyPair.publicKey);
    const error = await new Promise<Error & { code?: string }>((resolve) => dialled.on("error", resolve));
    await lookedUp?.flushed();

    expect(error.code).toBe("PEER_NOT_FOUND");
    expect(stranger.connections).toEqual([]);
  });

  it("meet on whichever relay they have in common, and go on without the other one", async () => {
    const [first, second] = [await startRelay({ tls: "off" }), await startRelay({ tls: "off" })];
    const [anna, bert] = [new TestSwarm([first, second]), new TestSwarm(second)];
    const topic = newTopic();

    await first.stop();
    anna.swarm.join(topic);
    bert.swarm.join(topic);

    await eventually(() => expect(anna.connectedKeys).toEqual([bert.key]));
  });

  it("join more topics than one connection to the relay may have", async () => {
    const relay = await startRelay({ tls: "off", maxTopicsPerConnection: 2 });
    const [anna, bert] = [new TestSwarm(relay), new TestSwarm(relay)];
    const topics = Array.from({ length: 5 }, newTopic);

    for (const topic of topics) anna.swarm.join(topic);
    for (const topic of topics.slice(-1)) bert.swarm.join(topic);

    await eventually(() => expect(bert.connectedKeys).toEqual([anna.key]));
  });
});
