import { expect, it } from "vitest";
import { decodeBinaryClientData, encodeBinaryRelayData } from "../../protocol/v1-binary.ts";
import { FakePage, openJoined, openScene, settled, untilDial } from "../support/scripted-line.ts";

it("dials at once, asks for a sign of life before it joins, and joins all topics without waiting for answers", () => {
  const { relay, line } = openScene({ token: "token" });
  line.open("a");
  line.open("b");

  relay.last.open();

  expect(relay.last.sent.map((sent) => "type" in sent && sent.type)).toEqual(["auth", "ping", "join", "join"]);
  expect(relay.last.of("join").map(({ topic, encoding, takeover }) => [topic, encoding, takeover])).toEqual([
    ["a", "binary", undefined],
    ["b", "binary", undefined],
  ]);
  expect(line.states).toEqual([]);
  expect(line.line.info).toEqual({
    address: "wss://relay.test/plures",
    roundTripMs: undefined,
    maxPayloadBytes: undefined,
    features: [],
  });
});

it("waits longer after each failure, up to the bound, and dials one at a time", () => {
  const scene = openScene({ reconnect: { minDelayMs: 250, maxDelayMs: 2000 } });
  const waits: number[] = [];

  for (let attempt = 0; attempt < 12; attempt += 1) {
    scene.relay.last.end({ cause: new Error("down") });
    waits.push(untilDial(scene));
  }

  // Half of the bound, which stays at a second until the tenth attempt: a relay that is restarted is back by then.
  expect(waits).toEqual([125, 250, ...Array.from({ length: 8 }, () => 500), 1000, 1000]);
  expect(scene.line.states).toEqual([]);
  expect(scene.line.errors.map(({ code }) => code)).toEqual(Array.from({ length: 12 }, () => "unreachable"));
  expect(scene.line.errors[0]?.message).toContain("down");
});

it.each([
  [900, 4000],
  [1000, 500],
  [5000, 125],
])("waits after a connection of %i ms that came after a long absence for %i ms", (lastedMs, waitMs) => {
  const scene = openScene({ reconnect: { minDelayMs: 250, maxDelayMs: 30_000 } });
  for (let attempt = 0; attempt < 12; attempt += 1) {
    scene.relay.last.end({ cause: new Error("down") });
    untilDial(scene);
  }

  scene.relay.last.open();
  scene.relay.last.pong();
  scene.clock.advance(lastedMs);
  scene.relay.last.end();

  expect(untilDial(scene)).toBe(waitMs);
});

it("gives up a dial that is not answered in time, and passes over what that socket says later", () => {
  const scene = openScene();
  const [first] = scene.relay.sockets;

  scene.clock.advance(15_000);
  expect(first?.closedWith).toBeDefined();
  untilDial(scene);
  first?.open();

  expect(first?.sent).toEqual([]);
  expect(scene.line.errors[0]?.message).toContain("no answer in 15000 ms");
});

it("dials at once after 4001, and with back-off where the connection has lasted for a moment only", () => {
  const scene = openJoined();
  scene.relay.last.end({ code: 4001 });
  expect(untilDial(scene)).toBe(125);

  scene.relay.last.open();
  scene.relay.last.pong();
  scene.clock.advance(6000);
  scene.relay.last.end({ code: 4001 });
  scene.clock.advance(0);

  expect(scene.relay.sockets).toHaveLength(3);
});

it.each([
  [1000, "refused"],
  [1008, "refused"],
  [1009, "payload-too-large"],
  [1002, "protocol-error"],
  [4004, "unauthorized"],
  [4005, "unauthorized"],
  [4006, "taken-over"],
] as const)("is closed for good after %i, and so are its topics", (code, expected) => {
  const scene = openJoined();

  scene.relay.last.end({ code });

  expect(scene.line.states).toEqual(["connected", "closed"]);
  expect(scene.line.errors.map((error) => error.code)).toEqual([expected]);
  expect(scene.topic.of("ended").map(({ error }) => error.code)).toEqual([expected]);
  expect(scene.topic.told.slice(-2).map(({ type }) => type)).toEqual(["down", "ended"]);
  scene.clock.advance(600_000);
  expect(scene.relay.sockets).toHaveLength(1);
  const late = scene.line.open("late");
  scene.clock.advance(0);
  expect(late.of("ended").map(({ error }) => error.code)).toEqual([expected]);
});

it("reads the last error where the code of the close is hidden", () => {
  const scene = openJoined();
  scene.relay.last.say({ type: "error", code: "outbox-full", payload: "No", requestId: "r-1", retryAfterMs: 9000 });
  scene.relay.last.end();

  expect(scene.line.errors[0]).toMatchObject({ code: "refused", status: 1013, requestId: "r-1" });
  expect(untilDial(scene)).toBe(9125);
});

it("never waits longer than five minutes, whatever is said", () => {
  const scene = openJoined();
  scene.relay.last.say({ type: "error", code: "refused", payload: "No", requestId: "r", retryAfterMs: 2 ** 50 });
  scene.relay.last.end();

  expect(untilDial(scene)).toBe(300_125);
});

it("does not wait as a stopping relay says: the next one may be there in a moment", () => {
  const scene = openJoined();
  scene.relay.last.end({ code: 1012 });
  untilDial(scene);
  const refusal = { status: 503, word: "draining", requestId: "r", retryAfterMs: 5000 };
  scene.relay.last.end({ refusal, cause: new Error("HTTP 503: draining") });

  expect(untilDial(scene)).toBe(250);
});

it.each([
  [404, undefined, "closed"],
  [403, "address", "closed"],
  [503, "max-connections", "connecting"],
  [429, undefined, "connecting"],
  [502, undefined, "connecting"],
] as const)("takes HTTP %i (%s) on the first dial for %s", (status, word, state) => {
  const scene = openScene();

  scene.relay.last.end({
    refusal: { status, word, requestId: "r", retryAfterMs: undefined },
    cause: new Error("HTTP"),
  });

  expect(scene.line.line.state).toBe(state);
  expect(scene.line.errors[0]).toMatchObject({ code: "refused", status, requestId: "r" });
});

it("takes a 404 of somebody else for a passing one, where a relay was once reached", () => {
  const scene = openJoined();
  scene.relay.last.end();
  untilDial(scene);

  scene.relay.last.end({ refusal: { status: 404, word: undefined, requestId: undefined, retryAfterMs: undefined } });

  expect(scene.line.line.state).toBe("reconnecting");
});

it("stays until a relay that restarts closes, stops sending in the last moment, and is back within its time, whatever the code", () => {
  const scene = openJoined();
  scene.relay.last.say({ type: "restarting", reconnectWithinMs: 4000, closesInMs: 1000 });
  scene.clock.advance(600);
  expect(scene.topic.line.isWritable).toBe(true);

  scene.clock.advance(200);
  expect(scene.topic.line.isWritable).toBe(false);
  scene.clock.advance(200);
  scene.relay.last.end({ code: undefined });

  expect(untilDial(scene)).toBe(2000);
});

it("leaves a relay that has said when it closes, and does not", () => {
  const scene = openJoined();
  scene.relay.last.say({ type: "restarting", reconnectWithinMs: 2 ** 50, closesInMs: 100 });

  scene.clock.advance(3100);

  expect(scene.relay.last.isOver).toBe(true);
  expect(untilDial(scene)).toBe(30_000);
});

it("proves on the next connection which membership was its own", () => {
  const scene = openJoined();
  scene.relay.last.end();
  untilDial(scene);
  scene.relay.last.open();

  expect(scene.relay.last.of("join").map(({ takeover }) => takeover)).toEqual(["secret"]);
  expect(scene.topic.told.map(({ type }) => type)).toEqual(["joined", "writable", "down"]);
});

it("does not dial again for nothing, after the relay has closed a connection on which nothing was joined", () => {
  const scene = openScene();
  scene.relay.last.open();
  scene.relay.last.pong();
  scene.relay.last.end({ code: 1008, reason: "no join in time" });
  scene.clock.advance(100_000);
  expect(scene.relay.sockets).toHaveLength(1);
  expect(scene.line.errors).toEqual([]);

  scene.line.open("t");
  scene.clock.advance(0);

  expect(scene.relay.sockets).toHaveLength(2);
});

it("leaves the relay before a page is frozen, and is back when it goes on", () => {
  const page = new FakePage();
  const scene = openJoined({}, page);

  page.tell("suspend");
  expect(scene.relay.last.closedWith).toBe("suspended");
  expect(scene.topic.told.at(-1)?.type).toBe("down");
  expect(scene.line.line.state).toBe("reconnecting");
  scene.clock.advance(600_000);
  expect(scene.relay.sockets).toHaveLength(1);
  page.tell("resume");
  scene.clock.advance(0);
  scene.relay.last.open();

  expect(scene.relay.last.of("join").map(({ takeover }) => takeover)).toEqual(["secret"]);
});

it("dials at once when the network is back, but not before the time that a relay has asked for", () => {
  const page = new FakePage();
  const scene = openJoined({}, page);
  for (let attempt = 0; attempt < 8; attempt += 1) {
    scene.relay.last.end();
    if (attempt < 7) untilDial(scene);
  }
  page.tell("check");
  scene.clock.advance(0);
  expect(scene.relay.sockets).toHaveLength(9);

  scene.relay.last.end({ refusal: { status: 429, word: "address-rate", requestId: "r", retryAfterMs: 60_000 } });
  scene.clock.advance(1000);
  page.tell("check");

  expect(untilDial(scene)).toBe(59_000);
});

it("asks an open line whether it is there when the page is shown again", () => {
  const page = new FakePage();
  const scene = openJoined({}, page);
  const before = scene.relay.last.of("ping").length;

  page.tell("check");

  expect(scene.relay.last.of("ping")).toHaveLength(before + 1);
});

it("asks for a token at each connection; one that is refused is replaced once", async () => {
  let count = 0;
  const scene = openScene({ token: async () => `token-${(count += 1)}` });
  await settled();
  scene.relay.last.open();
  expect(scene.relay.last.of("auth").map(({ token }) => token)).toEqual(["token-1"]);

  scene.relay.last.end({ code: 4004, reason: "bad-signature" });
  scene.clock.advance(250);
  await settled();
  scene.relay.last.open();
  expect(scene.relay.last.of("auth").map(({ token }) => token)).toEqual(["token-2"]);
  scene.relay.last.end({ code: 4004, reason: "bad-signature" });

  expect(scene.line.line.state).toBe("closed");
  expect(scene.line.errors.map(({ code }) => code)).toEqual(["unauthorized", "unauthorized"]);
});

it.each([
  ["throws", () => Promise.reject(new Error("no network"))],
  ["hangs", () => new Promise<string>(() => undefined)],
  ["gives nothing", () => ""],
])("goes on trying with a function for the token that %s", async (_, token) => {
  const scene = openScene({ token });
  await settled();
  scene.clock.advance(15_000);
  await settled();

  const before = scene.line.errors.length;
  expect(before).toBeGreaterThan(0);
  for (let turn = 0; turn < 2; turn += 1) {
    scene.clock.advance(15_200);
    await settled();
  }
  expect(scene.line.errors.length).toBeGreaterThan(before);
  expect(new Set(scene.line.errors.map(({ code }) => code))).toEqual(new Set(["unauthorized"]));
  expect(scene.relay.sockets).toEqual([]);
});

it("renews its token at two thirds of the time that is left, and lives on when that fails", async () => {
  let count = 0;
  const scene = openScene({ token: () => `token-${(count += 1)}` }, { epochMs: () => 1_000_000 });
  scene.line.open("t");
  await settled();
  scene.relay.last.open();
  scene.relay.last.say({ type: "authorized", expiresAtMs: 1_060_000 });
  scene.clock.advance(39_999);
  await settled();
  scene.relay.last.pong();
  expect(scene.relay.last.of("auth")).toHaveLength(1);

  scene.clock.advance(1);
  await settled();
  scene.relay.last.say({ type: "error", code: "unauthorized", payload: "No", reason: "expired", ref: 99 });
  await settled();

  expect(scene.relay.last.of("auth").map(({ token }) => token)).toEqual(["token-1", "token-2"]);
  expect(scene.line.errors.map(({ code }) => code)).toEqual(["unauthorized"]);
  expect(scene.relay.last.isOver).toBe(false);
});

it("sends to lists of 64, and one by one where the relay knows no lists", () => {
  const scene = openJoined();
  const handles = Array.from({ length: 130 }, (_, index) => index + 1);

  scene.topic.line.sendTo(handles, new Uint8Array([1]));

  const lists = scene.relay.last.frames.map((frame) => decodeBinaryClientData(frame)?.to);
  expect(lists.map((to) => (typeof to === "object" ? to.length : to))).toEqual([64, 64, 2]);
  const older = openScene();
  const topic = older.line.open("t");
  older.relay.last.open();
  older.relay.last.joined({
    features: undefined,
    takeover: undefined,
    limits: { maxFrameBytes: 4_194_304, maxTopicsPerConnection: 9 },
  });
  topic.line.sendTo([1, 2, 3], new Uint8Array([1]));
  expect(older.relay.last.frames.map((frame) => decodeBinaryClientData(frame)?.to)).toEqual([1, 2, 3]);
  expect(older.line.line.info.maxPayloadBytes).toBe(3_143_424);
});

it("is writable while little waits in the socket, and says when there is room again", () => {
  const scene = openJoined();
  scene.relay.last.bufferedBytes = 262_144;
  expect(scene.topic.line.isWritable).toBe(false);
  scene.topic.line.sendToAll(new Uint8Array([1]));
  scene.clock.advance(100);
  expect(scene.topic.of("writable")).toHaveLength(1);

  scene.relay.last.bufferedBytes = 0;
  scene.clock.advance(15);

  expect(scene.topic.of("writable")).toHaveLength(2);
  expect(scene.topic.line.isWritable).toBe(true);
});

it("tells nothing any more after close, and ends the connection", () => {
  const scene = openJoined();
  const before = scene.topic.told.length;

  scene.line.line.close();
  scene.clock.advance(600_000);

  expect(scene.relay.last.closedWith).toBe("closed by the app");
  expect(scene.line.states).toEqual(["connected", "closed"]);
  expect(scene.topic.told.slice(before)).toEqual([]);
  expect(scene.relay.sockets).toHaveLength(1);
  scene.topic.line.sendToAll(
    encodeBinaryRelayData({ topicHandle: 7, peerHandle: 1, isAddressed: false, payload: new Uint8Array(1) }),
  );
});
