import { describe, expect, it } from "vitest";
import { settled } from "../support/lane-properties.ts";
import { bytes, codeOf, laneScene } from "../support/lane-scene.ts";

describe("a member that lies to a lane", () => {
  it("is told as unreadable when it acknowledges what was never sent, or takes back what it has acknowledged", async () => {
    const { lanes, say, take, told } = laneScene();
    lanes.peerBack("p");
    await lanes.send("p", bytes("a"));
    say("p", "progress", 3);
    say("p", "resume", 2 ** 48 - 1);
    say("p", "progress", 2);
    say("p", "progress", 1);
    say("stranger", "progress", 2);
    say("p", "ask", 3, 4);
    say("p", "ask", 0, 0);
    take();
    await lanes.send("p", bytes("bb"));

    expect(told).toEqual([...Array(3).fill("p unreadable"), "stranger unreadable", "p unreadable", "p unreadable"]);
    expect(take()).toEqual(["p 2 2"]);
  });

  it("gets no more than the window, whatever limit it gives", async () => {
    const { lanes, say, sent } = laneScene();
    lanes.peerBack("p");
    say("p", "progress", 1, 2 ** 48 - 1);
    for (let count = 0; count < 8; count += 1) void codeOf(lanes.send("p", new Uint8Array(300_000)));
    await settled();

    expect(sent).toHaveLength(4);
  });

  it("gets the window again at most once in 300 ms, however often it asks for it", async () => {
    const { clock, lanes, say, sent, told } = laneScene();
    lanes.peerBack("p");
    for (let count = 0; count < 4; count += 1) await lanes.send("p", new Uint8Array(1000));
    for (let ms = 0; ms < 3000; ms += 1) {
      say("p", "resume", 1);
      clock.advance(1);
    }
    const chunks = sent.filter(({ type }) => type === "chunk");

    expect(chunks.length).toBeLessThanOrEqual(4 * 12);
    expect(told[0]).toBe("p flood");
  });

  it("cannot get around that by wanting what is gone", async () => {
    const { clock, lanes, say, sent } = laneScene();
    lanes.peerBack("p");
    for (let count = 0; count < 5; count += 1) await lanes.send("p", new Uint8Array(1000));
    say("p", "progress", 2);
    for (let ms = 0; ms < 3000; ms += 1) {
      say("p", "resume", 1);
      say("p", "resume", 2);
      clock.advance(1);
    }

    expect(sent.filter(({ type }) => type === "chunk").length).toBeLessThanOrEqual(5 + 4 * 12);
  });

  it("gets one answer in 20 ms, however often it asks where this end is", () => {
    const { clock, say, sent } = laneScene();
    for (let ms = 0; ms < 1000; ms += 1) {
      for (let count = 0; count < 20; count += 1) say("p", "ask", 1, 1);
      clock.advance(1);
    }

    expect(sent.length).toBeLessThanOrEqual(50);
  });

  it("opens nothing with empty chunks and those without a number", () => {
    const { chunk, clock, take, told } = laneScene();
    chunk("p", 1, "");
    chunk("p", 0, "x");
    clock.advance(1000);

    expect(told).toEqual(["p unreadable", "p unreadable"]);
    expect(take()).toEqual([]);
  });

  it("is told that nobody takes its streams where the app has none, as often as that may be", () => {
    const { chunk, clock, lanes, sent, take, told } = laneScene();
    chunk("p", 1, "x", { stream: 1 });
    lanes.received("p", { type: "acknowledgement", seq: 1, stream: 9, next: 1, byteLimit: 1, purpose: "ask" });
    lanes.received("p", { type: "acknowledgement", seq: 2, stream: 9, next: 1, byteLimit: 1, purpose: "progress" });
    expect(sent.map((frame) => frame.stream)).toEqual([1, 9]);
    expect(take()).toEqual(["p resume 0 1", "p resume 0 1"]);

    for (let count = 0; count < 1000; count += 1) chunk("p", 1, "x", { stream: count + 1 });
    clock.advance(1000);

    expect(take()).toHaveLength(98);
    expect(new Set(told)).toEqual(new Set(["p flood"]));
  });
});
