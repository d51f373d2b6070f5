import { expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Config } from "../../relay/config/options.ts";
import { Client, openClassic, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { TIME_FACTOR } from "../support/patience.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const LOOK_MS = 250;

/** A topic in which `owner` has a name, and `witness` sees who comes and goes. What falls due does so when a test says. */
async function openScene(overrides: Partial<Config> = {}) {
  const clock = new FakeClock();
  const relay = await startRelay(overrides, clock);
  const [witness] = await openV1(relay, "t", "witness");
  const [owner, joined] = await openV1(relay, "t", "name");
  await witness.next();
  return { clock, relay, witness, owner, takeover: joined["takeover"] as string };
}

/** Joins under a name, and lets the relay take that in. */
async function ask(relay: TestRelay, fields: object = {}): Promise<Client> {
  const client = await Client.openV1(relay);
  client.send({ type: "join", topic: "t", peerId: "name", ...fields });
  await eventually(() => expect(relay.figures().connections).toBeGreaterThan(2));
  await turns();
  return client;
}

/** Lets sockets of this process be read and written: a ping and its pong. */
async function turns(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 50 * TIME_FACTOR);
  });
}

it("frees the name of a client of which nothing comes for 10 s, and tells the others in order", async () => {
  const { clock, relay, witness, owner } = await openScene();
  owner.socket.pause();
  const joiner = await ask(relay, { ref: 4 });
  joiner.send({ type: "data", topic: "t", data: "behind the join" });

  clock.advance(LOOK_MS);
  clock.advance(10_000 - LOOK_MS);
  await turns();
  expect(joiner.texts).toEqual([]);
  clock.advance(2 * LOOK_MS);

  expect(await joiner.next()).toMatchObject({ type: "joined", peerId: "name", peerHandle: 3, ref: 4 });
  expect(await witness.take(3)).toMatchObject([
    { type: "peer-left", peerId: "name", peerHandle: 2 },
    { type: "peer-joined", peerId: "name", peerHandle: 3 },
    { type: "data", peerHandle: 3, data: "behind the join" },
  ]);
  await eventually(() => expect(relay.figures().connections).toBe(2));
});

it("keeps a name for the client that answers, and the joiner from being closed for not having joined", async () => {
  const { clock, relay, owner, witness } = await openScene();
  const joiner = await ask(relay, { ref: 4 });
  await eventually(() => {
    clock.advance(5);
    expect(joiner.texts).toHaveLength(1);
  });

  expect(await joiner.next()).toMatchObject({ type: "error", code: "peer-id-taken", ref: 4 });
  for (let step = 0; step < 4; step += 1) {
    clock.advance(10_000);
    await Promise.all([joiner.settled(), owner.settled(), witness.settled()]);
  }
  await owner.settled();
  joiner.send({ type: "join", topic: "t", peerId: "other" });
  expect(await joiner.next()).toMatchObject({ type: "joined", peerId: "other" });
});

it("gives the name to one of two who wait for it, and tells the other that it is taken", async () => {
  const { clock, relay, owner } = await openScene();
  owner.socket.pause();
  const first = await ask(relay);
  const second = await ask(relay);
  clock.advance(LOOK_MS);
  clock.advance(10_250);

  expect(await first.next()).toMatchObject({ type: "joined", peerId: "name" });
  await turns();
  clock.advance(LOOK_MS);

  expect(await second.next()).toMatchObject({ type: "error", code: "peer-id-taken" });
});

it("lets the joiner in when the owner leaves, or goes, while it is asked", async () => {
  const { clock, relay, owner, witness } = await openScene();
  owner.socket.pause();
  const joiner = await ask(relay);
  owner.send({ type: "leave", topic: "t" });
  await witness.next();
  clock.advance(LOOK_MS);
  expect(await joiner.next()).toMatchObject({ type: "joined", peerId: "name" });

  joiner.socket.pause();
  clock.advance(20_000);
  const second = await ask(relay);
  joiner.socket.terminate();

  expect(await second.next()).toMatchObject({ type: "joined", peerId: "name" });
});

it("forgets a joiner that goes while the owner is asked", async () => {
  const { clock, relay, owner, witness } = await openScene();
  owner.socket.pause();
  const joiner = await ask(relay);
  joiner.socket.terminate();
  await eventually(() => expect(relay.figures().connections).toBe(2));

  clock.advance(LOOK_MS);
  clock.advance(11_000);

  await witness.expectNothing();
  expect(relay.figures()).toMatchObject({ peers: 2, connections: 2 });
});

it("asks the classic clients that share a name one after the other, and cuts those that are gone alone", async () => {
  const { clock, relay } = await openScene();
  const gone = await openClassic(relay, "t", "shared");
  const there = await openClassic(relay, "t", "shared");
  gone.socket.pause();
  const joiner = await ask(relay, { peerId: "shared" });

  clock.advance(LOOK_MS);
  clock.advance(10_250);
  await turns();
  clock.advance(LOOK_MS);

  expect(await joiner.next()).toMatchObject({ type: "error", code: "peer-id-taken" });
  await there.settled();
  await eventually(() => expect(relay.figures().peers).toBe(3));
});

it("refuses a name that many have, of whom none answers, after a bounded time", async () => {
  const { clock, relay } = await openScene();
  for (let count = 0; count < 5; count += 1) (await openClassic(relay, "t", "shared")).socket.pause();
  const joiner = await ask(relay, { peerId: "shared" });

  for (let asked = 0; asked < 3; asked += 1) {
    clock.advance(LOOK_MS);
    clock.advance(10_250);
    await turns();
  }

  expect(await joiner.next()).toMatchObject({ type: "error", code: "peer-id-taken" });
});

it("pings the owner once per 10 s, whoever asks for its name a thousand times a second", async () => {
  const { clock, relay, owner } = await openScene();
  let pingCount = 0;
  owner.socket.on("ping", () => (pingCount += 1));
  const joiner = await Client.openV1(relay);

  for (let asked = 0; asked < 1000; asked += 1) joiner.send({ type: "join", topic: "t", peerId: "name" });
  while (joiner.texts.length < 1000) {
    clock.advance(1);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  await owner.settled();

  expect(joiner.texts.every((text) => text.includes("peer-id-taken"))).toBe(true);
  expect(pingCount).toBeGreaterThan(0);
  expect(pingCount).toBeLessThanOrEqual(Math.ceil(clock.monotonicMs() / 10_000));
});

it("ends the joiner's wait with the relay's stop", async () => {
  const { clock, relay, owner } = await openScene();
  owner.socket.pause();
  const joiner = await ask(relay);

  const stopped = relay.stop();
  // The closes are spread over a moment.
  await eventually(() => {
    clock.advance(10);
    expect(joiner.socket.readyState).toBe(WebSocket.CLOSED);
  });
  expect((await joiner.closed()).code).toBe(1012);
  clock.advance(30_000);
  await stopped;
});

it("ends at once what a client left behind that proves it, whatever its name and though it answers pings", async () => {
  const { relay, witness, owner, takeover } = await openScene();
  // A page that the browser has frozen: pings are answered, and nothing is sent.
  const back = await ask(relay, { peerId: "another name", takeover });

  expect(await back.next()).toMatchObject({ type: "joined", peerId: "another name", peerHandle: 3, memberCount: 2 });
  expect(await witness.take(2)).toMatchObject([
    { type: "peer-left", peerHandle: 2 },
    { type: "peer-joined", peerHandle: 3 },
  ]);
  expect(await owner.closed()).toEqual({ code: 4006, reason: "taken over" });
});

it("gives a taken-over client its own name at once, though it reads nothing", async () => {
  const { relay, witness, owner, takeover } = await openScene();
  owner.socket.pause();

  const back = await ask(relay, { takeover });

  expect(await back.next()).toMatchObject({ type: "joined", peerId: "name", peerHandle: 3 });
  expect((await witness.take(2)).map(({ type }) => type)).toEqual(["peer-left", "peer-joined"]);
});

it("does nothing for a takeover that is wrong, old, or another topic's, a thousand times", async () => {
  const { relay, witness, owner, takeover } = await openScene({ maxTopicsPerConnection: 1 });
  const [elsewhere, ofElsewhere] = await openV1(relay, "t2", "name");
  owner.send({ type: "leave", topic: "t" });
  owner.send({ type: "join", topic: "t", peerId: "name" });
  const rejoined = (await owner.take(2))[1] as Received;
  await witness.take(2);
  const code = String(rejoined["takeover"]).split(".")[1] ?? "";
  const wrong = Array.from({ length: 1000 }, (_, index) => `3.${String(index).padStart(3, "0")}${code.slice(3)}`);
  const tried = [takeover, String(ofElsewhere["takeover"]), `4.${code}`, `03.${code}`, ...wrong].filter(
    (secret) => secret !== rejoined["takeover"],
  );
  const [attacker] = await openV1(relay, "attacker's");

  // It is in as many topics as it may be: nothing but the takeover can come of these joins.
  for (const secret of tried) attacker.send({ type: "join", topic: "t", peerId: "me", takeover: secret });
  const answers = await attacker.take(tried.length);

  expect(new Set(answers.map(({ code: answer }) => answer))).toEqual(new Set(["too-many-topics"]));
  await Promise.all([owner.expectNothing(), elsewhere.expectNothing(), witness.expectNothing()]);
  attacker.send({ type: "join", topic: "t", peerId: "me", takeover: rejoined["takeover"] });
  expect((await owner.closed()).code).toBe(4006);
});

it("does not end its own connection, nor one in a topic that the client may not join", async () => {
  const { relay, owner, takeover } = await openScene();

  owner.send({ type: "join", topic: "t", peerId: "renamed", takeover });

  expect(await owner.next()).toMatchObject({ type: "joined", peerId: "renamed" });
  await owner.settled();
  expect(relay.figures().connections).toBe(2);
});
