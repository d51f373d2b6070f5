import { expect, it } from "vitest";
import { ConnectError } from "../../client/errors.ts";
import type { Refusal } from "../../client/line/socket.ts";
import type { Transport, TransportMemory } from "../../client/line/transport.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { TestLine } from "../support/line-scene.ts";
import { ScriptedRelay, type ScriptedSocket } from "../support/scripted-relay.ts";

/** A line with two ways to a relay that the test plays, and what the memory of networks was told. */
function scene(known?: Transport, transports?: readonly Transport[]) {
  const clock = new FakeClock();
  const [webSockets, polls] = [new ScriptedRelay(), new ScriptedRelay()];
  const remembered: Transport[] = [];
  const memory: TransportMemory = {
    recall: () => remembered.at(-1) ?? known,
    remember: (transport) => void remembered.push(transport),
  };
  const line = new TestLine(
    "wss://relay.test",
    { clock, dial: webSockets.dial, poll: polls.dial, memoryOf: () => memory, random: () => 0.5 },
    { reconnect: { minDelayMs: 250, maxDelayMs: 30_000 }, connectTimeoutMs: 15_000, transports },
  );
  const topic = line.open("t");
  clock.advance(0);
  const dialled = () => [webSockets.sockets.length, polls.sockets.length];
  return { clock, line, topic, webSockets, polls, remembered, dialled };
}

/** The relay answers on this one, and the topic is joined. */
function answer(socket: ScriptedSocket, name = "self"): void {
  socket.open();
  socket.pong();
  socket.joined({ peerId: name });
}

it("polls as well after 1.5 s of silence, and stays with what the relay answers on", () => {
  const { clock, line, webSockets, polls, remembered, dialled } = scene();
  webSockets.last.open();

  clock.advance(1499);
  const before = dialled();
  clock.advance(1);
  polls.last.open();
  const joinsBefore = polls.last.of("join").length;
  polls.last.pong();

  expect([before, dialled()]).toEqual([
    [1, 0],
    [1, 1],
  ]);
  // What nobody has answered yet joins nothing.
  expect([joinsBefore, polls.last.of("join").length]).toEqual([0, 1]);
  expect([webSockets.last.isOver, line.line.info.transport, remembered]).toEqual([true, "polling", ["polling"]]);
});

it("stays with the WebSocket where that answers late, and lets the poll go", () => {
  const { clock, line, webSockets, polls } = scene();
  webSockets.last.open();
  clock.advance(1500);
  polls.last.open();

  webSockets.last.pong();

  expect([polls.last.isOver, line.line.info.transport]).toEqual([true, "websocket"]);
});

it.each([
  ["an answer of somebody else's", { refusal: { status: 403, word: undefined } }, true],
  ["the relay that got no Upgrade", { refusal: { status: 426, word: "upgrade-stripped" } }, true],
  ["no word on the reason, as in browsers", {}, true],
  ["the relay's own no", { refusal: { status: 401, word: "expired" } }, false],
  ["a close with a code", { code: 1008 }, false],
])("polls at once after %s: %j", (_name, end, isPolling) => {
  const { webSockets, polls } = scene();

  const { refusal, ...rest } = { refusal: undefined, ...end };
  webSockets.last.end({
    ...rest,
    ...(refusal === undefined ? {} : { refusal: { requestId: undefined, retryAfterMs: undefined, ...refusal } }),
  });

  expect(polls.sockets).toHaveLength(isPolling ? 1 : 0);
});

it("tells the first reason where neither does, once, and backs off", () => {
  const { clock, line, webSockets, polls, dialled } = scene();

  webSockets.last.end({ cause: "by WebSocket" });
  polls.last.end({ cause: "by poll" });
  clock.advance(200);

  expect(line.errors.map(({ cause }) => cause)).toEqual(["by WebSocket"]);
  expect(dialled()).toEqual([2, 1]);
});

it("polls at once where a WebSocket fails, but not where the relay was not reached at all", () => {
  const [failed, unreached] = [scene(), scene()];

  failed.webSockets.last.end({ code: undefined });
  unreached.webSockets.last.end({ code: undefined, isUnreached: true });

  expect([failed.dialled(), unreached.dialled()]).toEqual([
    [1, 1],
    [1, 0],
  ]);
  unreached.clock.advance(1000);
  expect(unreached.dialled()).toEqual([2, 0]);
});

it.each([
  ["nobody says why, as in browsers", {}, false],
  ["a proxy does not reach the relay", { refusal: { status: 503, word: undefined } }, false],
  ["somebody does not let it through", { refusal: { status: 403, word: undefined } }, true],
])(
  "polls at once where a WebSocket has worked and %s: %j",
  (_name, { refusal }: { refusal?: Partial<Refusal> }, isPolling) => {
    const { clock, webSockets, polls } = scene();
    answer(webSockets.last);
    webSockets.last.end();
    clock.advance(250);

    webSockets.last.end(
      refusal === undefined
        ? {}
        : {
            refusal: { status: undefined, word: undefined, requestId: undefined, retryAfterMs: undefined, ...refusal },
          },
    );

    expect([webSockets.sockets.length, polls.sockets.length]).toEqual([2, isPolling ? 1 : 0]);
  },
);

it("polls where a WebSocket has worked but has failed for 5 s, and tries one again after a second", () => {
  const { clock, line, webSockets, polls } = scene();
  answer(webSockets.last);
  let failedMs = 0;
  for (; polls.sockets.length === 0 && failedMs < 20_000; failedMs += 10) {
    if (!webSockets.last.isOver) webSockets.last.end();
    clock.advance(10);
  }
  polls.last.open();
  polls.last.pong();
  const dialCount = webSockets.sockets.length;
  clock.advance(1000);

  expect(failedMs).toBeGreaterThanOrEqual(5000);
  expect(failedMs).toBeLessThan(6500);
  expect([line.line.info.transport, webSockets.sockets.length - dialCount]).toEqual(["polling", 1]);
});

it("dials first what has worked in this network", () => {
  const { clock, line, polls, dialled } = scene("polling");

  answer(polls.last);
  clock.advance(5000);

  expect(dialled()).toEqual([0, 1]);
  expect(line.line.info.transport).toBe("polling");
});

it("uses no transport that is not allowed", () => {
  const { clock, webSockets, dialled } = scene("polling", ["websocket"]);
  webSockets.last.open();

  clock.advance(10_000);

  expect(dialled()).toEqual([1, 0]);
});

it("asks once for a large answer by WebSocket, and polls where that does not come", () => {
  const { clock, webSockets, polls, remembered } = scene();
  answer(webSockets.last);

  clock.advance(2000);
  const asked = webSockets.last.of("ping").at(-1);
  for (let second = 0; second < 8; second += 1) {
    webSockets.last.seeBytes();
    clock.advance(1000);
  }
  clock.advance(1000);

  expect(asked?.pad).toHaveLength(20_480);
  expect([webSockets.last.isOver, remembered.at(-1), polls.sockets.length]).toEqual([true, "polling", 1]);
});

it("asks it not again on a later connection", () => {
  const { clock, webSockets } = scene();
  answer(webSockets.last);
  clock.advance(2000);
  webSockets.last.pong();

  webSockets.last.end({ code: 1012 });
  clock.advance(5000);
  answer(webSockets.last);
  clock.advance(4000);

  expect(webSockets.sockets.length).toBeGreaterThan(1);
  expect(webSockets.last.of("ping").filter(({ pad }) => pad !== undefined)).toEqual([]);
});

it("tries a WebSocket again while it polls, less and less often", () => {
  const { clock, webSockets, polls, dialled } = scene("polling");
  answer(polls.last);
  const dials = [];
  for (let ms = 0; ms < 75_000; ms += 1000) {
    clock.advance(1000);
    polls.last.pong();
    polls.last.seeBytes();
    if (webSockets.sockets.length > dials.length) {
      dials.push(ms + 1000);
      webSockets.last.end();
    }
  }

  expect(dials).toEqual([10_000, 30_000, 70_000]);
  expect(dialled()[1]).toBe(1);
});

it("goes back to a WebSocket that has shown large answers: joins on it first, hears the old one out, loses nothing", () => {
  const { clock, line, topic, webSockets, polls } = scene("polling");
  answer(polls.last, "old");
  clock.advance(10_000);
  const [old, next] = [polls.last, webSockets.last];
  next.open();
  next.pong();
  const joinsBeforeProof = next.of("join").length;
  next.pong();
  const { takeover } = next.of("join").at(-1) ?? {};
  next.joined({ peerId: "new", members: [{ peerId: "other", peerHandle: 5 }] });
  next.say({ type: "data", topic: "t", peerId: "other", peerHandle: 5, data: "second" });
  old.say({ type: "peer-joined", topic: "t", peerId: "other", peerHandle: 5 });
  old.say({ type: "data", topic: "t", peerId: "other", peerHandle: 5, data: "first" });
  const before = line.line.info.transport;
  old.end({ code: 4006, reason: "taken over" });

  expect([joinsBeforeProof, takeover]).toEqual([0, "secret"]);
  expect([before, line.line.info.transport]).toEqual(["polling", "websocket"]);
  expect(topic.texts).toEqual(["first", "second"]);
  expect(topic.told.map(({ type }) => type).filter((type) => type === "joined" || type === "down")).toEqual([
    "joined",
    "down",
    "joined",
  ]);
  expect([line.errors, line.states]).toEqual([[], ["connected"]]);
});

it("goes over with the one join that it has asked for where the old connection ends before the answer to that", () => {
  const { clock, topic, webSockets, polls } = scene("polling");
  answer(polls.last, "old");
  clock.advance(10_000);
  const [old, next] = [polls.last, webSockets.last];
  next.open();
  next.pong();
  next.pong();
  old.end({ code: 4006, reason: "taken over" });
  const isWritableBetween = topic.line.isWritable;
  next.joined({ peerId: "new", members: [{ peerId: "other", peerHandle: 5 }] });
  next.say({ type: "data", topic: "t", peerId: "other", peerHandle: 5, data: "first" });

  expect(isWritableBetween).toBe(false);
  expect(next.of("join")).toHaveLength(1);
  expect(topic.told.map(({ type }) => type).filter((type) => type !== "writable")).toEqual([
    "joined",
    "down",
    "joined",
    "data",
  ]);
  expect([topic.texts, topic.line.isWritable, topic.joined.self.peerId]).toEqual([["first"], true, "new"]);
});

it("goes over all the same where the old connection does not end, and where the new one ends first it stays", () => {
  const stays = scene("polling");
  answer(stays.polls.last);
  stays.clock.advance(10_000);
  stays.webSockets.last.open();
  stays.webSockets.last.pong();
  stays.webSockets.last.pong();
  stays.webSockets.last.end();

  const goes = scene("polling");
  answer(goes.polls.last);
  goes.clock.advance(10_000);
  goes.webSockets.last.open();
  goes.webSockets.last.pong();
  goes.webSockets.last.pong();
  goes.webSockets.last.joined();
  goes.clock.advance(3000);

  expect([stays.line.line.info.transport, stays.topic.line.isWritable]).toEqual(["polling", true]);
  expect([goes.line.line.info.transport, goes.topic.line.isWritable]).toEqual(["websocket", true]);
  expect(goes.polls.last.isOver).toBe(true);
});

it("says that the code of the poll is missing, beside how the WebSocket ended, and asks for it at the next dial", () => {
  const missing = new ConnectError("load-failed", { cause: new TypeError("404") });
  const fails = scene();
  fails.webSockets.last.end();
  fails.polls.last.end({ cause: missing });
  const beside = scene();
  beside.webSockets.last.open();
  beside.clock.advance(1500);
  beside.polls.last.end({ cause: missing });
  const alone = scene(undefined, ["polling"]);
  alone.polls.last.end({ cause: missing });
  const codes = ({ line }: typeof fails) => line.errors.map(({ code }) => code);

  expect([codes(fails), codes(beside), codes(alone)]).toEqual([
    ["load-failed", "unreachable"],
    ["load-failed"],
    ["load-failed"],
  ]);
  // The WebSocket still may answer, and what has ended is dialled again.
  beside.webSockets.last.pong();
  fails.clock.advance(1000);
  expect([beside.line.line.info.transport, ...fails.dialled()]).toEqual(["websocket", 2, 1]);
});
