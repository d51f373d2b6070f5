import { keyPair } from "hypercore-crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CreateHandshake, createNoiseHandshake } from "../../client/hyperswarm/handshake.ts";
import { connect } from "../../client/node.ts";
import { RelayDHT, type RelayDHTOptions } from "../../client/node-hyperswarm.ts";
import { streamsOf } from "../../client/streams.ts";
import { changingRelay } from "../support/changing-relay.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";

const NO_KEYS = { hash: new Uint8Array(64), tx: new Uint8Array(32), rx: new Uint8Array(32) };

function relayDHT(options: RelayDHTOptions): RelayDHT {
  const dht = new RelayDHT(options);
  onTestFinished(() => dht.destroy());
  return dht;
}

async function errorOf(connection: ReturnType<RelayDHT["connect"]>): Promise<string | undefined> {
  const error = await new Promise<Error & { code?: string }>((resolve) => connection.on("error", resolve));
  return error.code;
}

describe("somebody else's key", () => {
  it("cannot be shown without its secret key: who looks for it finds nobody", async () => {
    const relay = await startRelay({ tls: "off" });
    const victim = keyPair();
    const topic = newTopic();
    const impostor = relayDHT({ relays: relay.url, signAnnouncement: () => keyPair().secretKey.subarray(0, 64) });
    await impostor.announce(topic, { publicKey: victim.publicKey }).finished();
    const honest = relayDHT({ relays: relay.url });
    await honest.announce(topic, honest.defaultKeyPair).finished();

    const looking = relayDHT({ relays: relay.url });
    const found: string[] = [];
    await eventually(async () => {
      for await (const { peers } of looking.lookup(topic)) {
        found.push(...peers.map(({ publicKey }) => publicKey.toString("hex")));
      }
      expect(found).toContain(Buffer.from(honest.defaultKeyPair.publicKey).toString("hex"));
    });

    expect(found).not.toContain(victim.publicKey.toString("hex"));
  });

  it("cannot be answered for: whoever takes the stream is no peer without the secret key", async () => {
    const relay = await startRelay({ tls: "off" });
    const [victim, other] = [keyPair(), keyPair()];
    // It was given a signature of the victim somehow, and takes the streams that are meant for it.
    const createHandshake: CreateHandshake = () => createNoiseHandshake(other, null);
    const impostor = relayDHT({ relays: relay.url, keyPair: victim, createHandshake });
    let connectionCount = 0;
    await impostor.createServer(() => (connectionCount += 1)).listen();

    const code = await errorOf(relayDHT({ relays: relay.url }).connect(victim.publicKey));

    expect(code).toBe("PEER_CONNECTION_FAILED");
    expect(connectionCount).toBe(0);
  });

  it("cannot be answered for by a handshake that is made up", async () => {
    const relay = await startRelay({ tls: "off" });
    const victim = keyPair();
    const createHandshake: CreateHandshake = () => ({
      recv: () => undefined,
      send: () => new Uint8Array(96),
      final: () => ({ ...NO_KEYS, publicKey: victim.publicKey, remotePublicKey: victim.publicKey }),
      remotePublicKey: victim.publicKey,
    });
    await relayDHT({ relays: relay.url, keyPair: victim, createHandshake }).createServer().listen();

    expect(await errorOf(relayDHT({ relays: relay.url }).connect(victim.publicKey))).toBe("PEER_CONNECTION_FAILED");
  });
});

it("opens nothing for the first message of a dial that somebody plays again", async () => {
  const relay = await startRelay({ tls: "off" });
  const topic = newTopic();
  const bert = new TestSwarm(relay);
  bert.swarm.join(topic, { server: true, client: false });
  await bert.swarm.flush();
  const sent: Uint8Array[] = [];
  const recording: CreateHandshake = (own, remote) => {
    const handshake = createNoiseHandshake(own, remote);
    const send = async () => {
      const message = await handshake.send();
      sent.push(message);
      return message;
    };
    return {
      send,
      recv: (message) => handshake.recv(message),
      final: () => handshake.final(),
      get remotePublicKey() {
        return handshake.remotePublicKey;
      },
    };
  };
  const anna = relayDHT({ relays: relay.url, createHandshake: recording });
  anna.connect(bert.swarm.keyPair.publicKey).on("error", () => undefined);
  await eventually(() => expect(bert.connections.length).toBe(1));

  // A relay that knows the topic can be a member of it.
  const attacker = connect(relay.url);
  onTestFinished(() => attacker.close());
  const joined = await attacker.join({ secret: topic, name: "hyperswarm topic" });
  await eventually(() => expect(joined.peers.size).toBe(1));
  const [target] = [...joined.peers.keys()];
  const stream = await streamsOf(joined).open(target ?? "", Buffer.from(sent[0] ?? []).toString("base64url"));
  const writer = stream.writable.getWriter();
  await writer.write(new Uint8Array(32));

  await expect(stream.closed).rejects.toMatchObject({ code: "stream-aborted", reasonCode: 3 });
  expect(bert.connections.length).toBe(1);
});

it("turns away streams that begin no handshake", async () => {
  const relay = await startRelay({ tls: "off" });
  const topic = newTopic();
  const bert = new TestSwarm(relay);
  bert.swarm.join(topic);
  const attacker = connect(relay.url);
  onTestFinished(() => attacker.close());
  const joined = await attacker.join({ secret: topic, name: "hyperswarm topic" });
  await eventually(() => expect(joined.peers.size).toBe(1));
  const [target] = [...joined.peers.keys()];

  const codes = await Promise.all(
    ["?", "A", "AAAA", "A".repeat(130), "A".repeat(256)].map(async (label) => {
      const stream = await streamsOf(joined).open(target ?? "", label);
      return stream.closed.catch((error: unknown) => Reflect.get(Object(error), "reasonCode"));
    }),
  );

  expect(codes.every((code) => code === 1 || code === 3)).toBe(true);
  expect(bert.connections).toEqual([]);
});

describe("a relay that changes what passes", () => {
  const LARGE_BYTES = 10_000;

  /** Two swarms that are connected with a third one, whose relay is not honest. */
  async function connected() {
    const relay = await startRelay({ tls: "off" });
    const passed: Buffer[] = [];
    let toChange = 0;
    const changing = await changingRelay(relay.port, (payload) => {
      if (payload.length >= LARGE_BYTES && toChange > 0) {
        toChange -= 1;
        payload[payload.length >> 1] = (payload[payload.length >> 1] ?? 0) ^ 1;
      }
      passed.push(Buffer.from(payload));
    });
    const topic = newTopic();
    const [anna, bert, carl] = [new TestSwarm(relay), new TestSwarm(changing), new TestSwarm(relay)];
    const raw: Buffer[] = [];
    bert.swarm.on("connection", (connection) => {
      // Noise opens them in their place.
      connection.rawStream?.prependListener("data", (bytes) => raw.push(Buffer.from(bytes as Uint8Array)));
    });
    bert.swarm.join(topic, { server: true, client: false });
    await bert.swarm.flush();
    for (const { swarm } of [anna, carl]) swarm.join(topic, { server: false, client: true });
    await eventually(() => expect(bert.connections).toHaveLength(2));
    // What comes of the other end comes behind its word that it seals for itself.
    bert.say("welcome");
    await eventually(() => expect([...anna.heard, ...carl.heard]).toEqual(["welcome", "welcome"]));
    return { anna, bert, carl, passed, raw, change: (count: number) => (toChange = count), left: () => toChange };
  }

  it("sees what Noise has encrypted, once, and changes nothing of it: it is sent again, and all connections stay", async () => {
    const { anna, bert, carl, change, left, passed, raw } = await connected();
    const sent = Buffer.alloc(60_000, "anna");
    let receivedBytes = 0;
    for (const connection of bert.connections) {
      connection.on("data", (data) => {
        const bytes = data as Buffer;
        if (bytes.length > LARGE_BYTES) expect(bytes.equals(sent)).toBe(true);
        receivedBytes += bytes.length;
      });
    }
    change(2);
    for (let count = 0; count < 5; count += 1) anna.connections[0]?.write(sent);
    carl.say("still here");

    await eventually(() => expect(receivedBytes).toBe(5 * sent.length + "still here".length));

    expect(left()).toBe(0);
    expect(bert.heard).toEqual(["still here"]);
    expect([...anna.failures, ...bert.failures, ...carl.failures]).toEqual([]);
    const large = raw.filter(({ length }) => length > LARGE_BYTES);
    // A message of the relay may be several frames.
    expect(large.map((bytes) => Buffer.concat(passed).includes(bytes))).toEqual(Array(large.length).fill(true));
    expect(large.length).toBeGreaterThan(0);
  });
});
