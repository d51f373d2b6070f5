import { describe, expect, it } from "vitest";
import { DeliveryError } from "../../client/errors.ts";
import { LaneNetwork } from "../support/lane-network.ts";
import { settled } from "../support/lane-properties.ts";
import { bytes, codeOf, laneScene, WINDOW_BYTES, watch } from "../support/lane-scene.ts";

describe("the sender of a lane", () => {
  it("sends no more than the window and one message until it is acknowledged, and then what waits, in order", async () => {
    const { lanes, say, take } = laneScene();
    lanes.peerBack("p");
    await lanes.send("p", new Uint8Array(WINDOW_BYTES - 65));
    await lanes.send("p", new Uint8Array(400_000));
    const third = watch(lanes.send("p", new Uint8Array(1)));
    const fourth = watch(lanes.send("p", new Uint8Array(2)));
    await settled();
    expect(take()).toEqual([`p 1 ${WINDOW_BYTES - 65}`, "p 2 400000"]);
    expect([third.outcome, fourth.outcome]).toEqual(["waits", "waits"]);

    say("p", "progress", 2);
    await settled();

    expect(take()).toEqual(["p 3 1", "p 4 2"]);
    expect([third.outcome, fourth.outcome]).toEqual(["none", "none"]);
  });

  it("lets 1,000 messages or 1 MiB wait, and rejects the next with backlog-full", async () => {
    const { lanes, say } = laneScene();
    lanes.peerBack("p");
    say("p", "progress", 1, 0);
    const waiting = Array.from({ length: 1000 }, () => watch(lanes.send("p", bytes("a"))));
    expect(await codeOf(lanes.send("p", bytes("a")))).toBe("backlog-full");
    expect(new Set(waiting.map(({ outcome }) => outcome))).toEqual(new Set(["waits"]));

    lanes.peerBack("q");
    say("q", "progress", 1, 0);
    void codeOf(lanes.send("q", new Uint8Array(WINDOW_BYTES - 65)));
    void codeOf(lanes.send("q", new Uint8Array(1)));
    expect(await codeOf(lanes.send("q", bytes("a")))).toBe("backlog-full");
  });

  it("rejects at once what may not wait, and what waits by its signal; neither takes a number", async () => {
    const { lanes, say, take } = laneScene();
    lanes.peerBack("p");
    say("p", "progress", 1, 0);
    const controller = new AbortController();
    const aborted = codeOf(lanes.send("p", bytes("aborted"), { signal: controller.signal }));
    void lanes.send("p", bytes("kept"));

    expect(await codeOf(lanes.send("p", bytes("no"), { wait: false }))).toBe("would-wait");
    controller.abort();
    expect(await aborted).toBe("aborted");
    expect(await codeOf(lanes.send("p", bytes("late"), { signal: controller.signal }))).toBe("aborted");
    say("p", "progress", 1);

    expect(take()).toEqual(["p 1 4"]);
  });

  it("asks after 1.5 s of silence, then ever more rarely, sends nothing meanwhile, and goes on from the answer", async () => {
    const { clock, lanes, say, take } = laneScene();
    lanes.peerBack("p");
    for (const text of ["a", "bb", "ccc"]) await lanes.send("p", bytes(text));
    take();

    clock.advance(1500);
    await lanes.send("p", bytes("dddd"));
    expect(take()).toEqual(["p ask 1 1"]);
    clock.advance(3000 + 6000 + 12_000 + 12_000);
    expect(take()).toEqual(Array(4).fill("p ask 1 1"));
    say("p", "resume", 2);

    expect(take()).toEqual(["p 2 2", "p 3 3", "p 4 4"]);
  });

  it("asks when the peer is back, sends nothing while it is away, and nothing twice that has arrived", async () => {
    const { clock, lanes, say, take } = laneScene();
    lanes.peerBack("p");
    for (const text of ["a", "bb"]) await lanes.send("p", bytes(text));
    lanes.peerAway("p");
    await lanes.send("p", bytes("ccc"));
    clock.advance(7000);
    expect(take()).toEqual(["p 1 1", "p 2 2"]);

    lanes.peerBack("p");
    expect(take()).toEqual(["p ask 1 1"]);
    say("p", "resume", 3);

    expect(take()).toEqual(["p 3 3"]);
  });

  it("takes turns between peers by bytes, holds back for a congested one, and goes on when there is room", async () => {
    const { app, lanes, take } = laneScene();
    for (const sid of ["p", "q", "r"]) lanes.peerBack(sid);
    app.isWritable = false;
    for (const sid of ["p", "p", "q", "r"]) await lanes.send(sid, bytes("a"));
    for (const sid of ["p", "p", "q", "q"]) await lanes.send(sid, new Uint8Array(32_000));
    lanes.congestion("r", true);
    app.isWritable = true;
    lanes.writable();
    expect(take()).toEqual(["p 1 1", "p 2 1", "p 3 32000", "p 4 32000", "q 1 1", "q 2 32000", "q 3 32000"]);

    lanes.congestion("r", false);

    expect(take()).toEqual(["r 1 1"]);
  });

  it("rejects what waits when the peer has gone, and sends at its return what it has not acknowledged", async () => {
    const { lanes, say, take } = laneScene();
    lanes.peerBack("p");
    for (const text of ["a", "bb", "ccc"]) await lanes.send("p", bytes(text));
    say("p", "progress", 2, 0);
    const waiting = codeOf(lanes.send("p", bytes("never")));
    const idle = watch(lanes.idle());
    take();

    lanes.peerAway("p");
    lanes.peerGone("p");
    expect(await waiting).toBe("peer-gone");
    expect(idle.outcome).toBe("none");
    lanes.peerBack("p");
    expect(take()).toEqual(["p ask 2 2"]);
    // One of them had come before.
    say("p", "resume", 3);
    await lanes.send("p", bytes("dddd"));

    expect(take()).toEqual(["p 3 3", "p 4 4"]);
  });

  it("gives up after a minute what a peer that has gone has not acknowledged, and tells it at its return", async () => {
    const { clock, lanes, take } = laneScene();
    for (const sid of ["p", "q"]) {
      lanes.peerBack(sid);
      await lanes.send(sid, bytes("a"));
      lanes.peerGone(sid);
      clock.advance(30_000);
    }
    take();

    for (const sid of ["p", "q"]) lanes.peerBack(sid);

    expect(take()).toEqual(["p ask 2 1", "q ask 1 1"]);
  });

  it("keeps 4 MiB at most for those who have gone, the latest, and nothing for who has said goodbye", async () => {
    const { lanes, take } = laneScene();
    for (const sid of ["p", "q", "r", "s", "t"]) {
      lanes.peerBack(sid);
      await lanes.send(sid, new Uint8Array(WINDOW_BYTES - 64));
      lanes.peerGone(sid);
    }
    lanes.peerBack("u");
    await lanes.send("u", bytes("a"));
    lanes.peerGone("u", { mayReturn: false });
    take();

    for (const sid of ["p", "q", "r", "s", "t", "u"]) lanes.peerBack(sid);

    expect(take()).toEqual(["p ask 2 1", "q ask 1 1", "r ask 1 1", "s ask 1 1", "t ask 1 1", "u ask 2 1"]);
  });

  it("remembers 1,024 peers that have gone, and gives no number twice to one that it has forgotten", async () => {
    const { lanes, take } = laneScene();
    for (const text of ["a", "b"]) await lanes.send("first", bytes(text));
    lanes.peerGone("first");
    for (let index = 0; index < 1024; index += 1) {
      await lanes.send(`p${index}`, bytes("a"));
      lanes.peerGone(`p${index}`);
    }
    take();

    lanes.peerBack("first");
    await lanes.send("first", bytes("ccc"));

    expect(take()).toEqual(["first 3 3"]);
  });

  it("is idle when all that was sent before is acknowledged or its peer gone, whatever was sent since", async () => {
    const { lanes, say } = laneScene();
    for (const sid of ["p", "q"]) lanes.peerBack(sid);
    expect(watch(lanes.idle())).toBeDefined();
    await lanes.send("p", bytes("a"));
    await lanes.send("q", bytes("a"));
    const idle = watch(lanes.idle());
    await lanes.send("p", bytes("b"));

    say("p", "progress", 2);
    await settled();
    expect(idle.outcome).toBe("waits");
    lanes.peerGone("q");
    await settled();

    expect(idle.outcome).toBe("none");
    const signal = AbortSignal.abort();
    expect(await codeOf(lanes.idle(signal))).toBe("aborted");
  });

  it("rejects everything once it is closed, says what there is to acknowledge, and leaves no timer", async () => {
    const { chunk, clock, lanes, say, take } = laneScene();
    lanes.peerBack("p");
    await lanes.send("p", bytes("a"));
    say("p", "progress", 1, 0);
    const waiting = codeOf(lanes.send("p", bytes("b")));
    const idle = codeOf(lanes.idle());
    chunk("p", 1, "hi");
    take();

    lanes.close(new DeliveryError("closed"));
    expect([await waiting, await idle, await codeOf(lanes.send("p", bytes("c")))]).toEqual(Array(3).fill("closed"));
    expect(await codeOf(lanes.idle())).toBe("closed");
    chunk("p", 2, "late");
    lanes.peerBack("p");
    clock.advance(60_000);

    expect(take()).toEqual([`p progress 2 ${WINDOW_BYTES}`]);
  });
});

describe("the receiver of a lane", () => {
  it("delivers in order, each once, and acknowledges several at a time", () => {
    const { chunk, clock, take, told } = laneScene();
    for (const [seq, text] of [
      [1, "a"],
      [1, "a"],
      [2, "b"],
      [2, "other"],
      [3, "c"],
    ] as const)
      chunk("p", seq, text);
    expect(take()).toEqual([]);

    clock.advance(20);

    expect(take()).toEqual([`p progress 4 ${WINDOW_BYTES}`]);
    expect(told).toEqual(["p: a", "p: b", "p: c"]);
  });

  it("acknowledges at once when a quarter of the window has come", () => {
    const { chunk, take } = laneScene();

    chunk("p", 1, "x".repeat(WINDOW_BYTES / 4));

    expect(take()).toEqual([`p progress 2 ${WINDOW_BYTES}`]);
  });

  it("tells a gap once, and again on the next connection", () => {
    const { chunk, clock, lanes, take, told } = laneScene();
    for (const seq of [3, 4, 5]) chunk("p", seq, "x");
    clock.advance(20);
    expect(take()).toEqual([`p resume 1 ${WINDOW_BYTES}`]);
    chunk("p", 6, "x");
    clock.advance(1000);
    expect(take()).toEqual([]);

    lanes.peerBack("p");
    chunk("p", 6, "x");
    clock.advance(20);

    expect(take()).toEqual([`p resume 1 ${WINDOW_BYTES}`]);
    expect(told).toEqual([]);
  });

  it("gives no credit while the app does not read, keeps nothing, and offers less afterwards", () => {
    const { app, chunk, clock, lanes, take, told } = laneScene();
    app.hasRoom = false;
    for (const seq of [1, 2, 3]) chunk("p", seq, "x");
    clock.advance(20);
    expect(take()).toEqual(["p resume 1 0"]);

    app.hasRoom = true;
    lanes.roomAgain();
    clock.advance(20);

    expect(take()).toEqual([`p resume 1 ${WINDOW_BYTES / 2}`]);
    expect(told).toEqual([]);
  });

  it("is told where a sender begins of which it knows nothing, and counts as lost what was given up alone", () => {
    const { chunk, clock, say, take, told } = laneScene();
    chunk("p", 9, "i");
    say("p", "ask", 9, 7);
    clock.advance(20);
    expect(take()).toEqual([`p resume 9 ${WINDOW_BYTES}`]);
    chunk("p", 9, "i");
    say("p", "ask", 12, 3);
    say("p", "ask", 12, 3);

    expect(told).toEqual(["p lost 2", "p: i", "p lost 2"]);
  });
});

it("sends again what a cut has swallowed, and little else", async () => {
  const network = new LaneNetwork(["one", "other"]);
  const [one, other] = [network.end(0), network.end(1)];
  for (let count = 0; count < 100; count += 1) one.send("other", new Uint8Array(1000));
  network.clock.advance(100);
  for (let count = 0; count < 50; count += 1) one.send("other", new Uint8Array(1000));
  network.cut(one, 500);
  network.clock.advance(1000);
  await settled();

  expect(other.faultsOf(one, "at the end")).toEqual([]);
  // 150 and 50 again; a question, its answer, and some acknowledgements.
  expect(network.frameCount).toBeLessThan(210);
});
