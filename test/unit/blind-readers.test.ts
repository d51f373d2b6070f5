import { describe, expect, it } from "vitest";
import { CHECK_MS, KIB, N, ReaderScene } from "../support/reader-scene.ts";

describe("a reader that has never answered", () => {
  it("is given what the kernel takes after 10 s, and is stalled 30 s after the kernel took something last", () => {
    const scene = new ReaderScene();
    scene.fill();
    scene.pass(9_750);
    const before = [scene.progress.isBlind, scene.progress.roomBytes];
    scene.pass(500);
    const after = [scene.progress.isBlind, scene.progress.roomBytes];

    scene.pass(40_000);

    expect([before, after]).toEqual([
      [false, 0],
      [true, N],
    ]);
    expect(scene.verdict).toMatchObject({ why: "stalled" });
    expect(scene.verdict?.atMs).toBeGreaterThanOrEqual(40_000);
    expect(scene.verdict?.atMs).toBeLessThanOrEqual(41_000);
  });

  it("stays while the kernel takes something, late and again and again", () => {
    const scene = new ReaderScene();
    scene.fill();
    scene.pass(10_250);
    for (const pauseMs of [16_000, 16_000, 29_000, 29_000]) {
      scene.pass(pauseMs);
      scene.progress.drained(scene.nowMs);
    }

    expect(scene.verdict).toBeUndefined();
  });

  it.each([
    ["only once", [15_000]],
    ["only at once", []],
  ])("is stalled after 44 s where the kernel took something late %s: a shut window may be probed", (_what, lateMs) => {
    const scene = new ReaderScene();
    scene.fill();
    scene.pass(10_250);
    for (const pauseMs of lateMs) {
      scene.pass(pauseMs);
      scene.progress.drained(scene.nowMs);
    }
    while (scene.nowMs < 60_000) {
      scene.write(1);
      scene.progress.drained(scene.nowMs);
      scene.pass(1000);
    }

    expect(scene.verdict).toMatchObject({ why: "stalled" });
    expect(scene.verdict?.atMs).toBeGreaterThanOrEqual(44_000);
    expect(scene.verdict?.atMs).toBeLessThanOrEqual(45_000);
  });

  it("is written without pieces, and asked at distances that double, 16 times at most", () => {
    const scene = new ReaderScene();
    scene.write(N);
    scene.pass(10_250);
    const distances: number[] = [];
    let sinceBytes = 0;
    for (let count = 0; count < 4000; count += 1) {
      sinceBytes += 4 * KIB;
      if (!scene.write(4 * KIB)) continue;
      distances.push(sinceBytes / KIB);
      sinceBytes = 0;
    }

    expect(scene.progress.fragmentBytes).toBe(Number.POSITIVE_INFINITY);
    expect(distances.slice(0, 6)).toEqual([16, 32, 64, 128, 256, 256]);
    expect(distances).toHaveLength(15);
  });

  it("is sighted from its first pong on", () => {
    const scene = new ReaderScene();
    scene.write(N);
    scene.pass(10_250);

    scene.pong();

    expect(scene.progress.isBlind).toBe(false);
  });

  it("loses the window though nobody judges it: it may have too little waiting for that", () => {
    const scene = new ReaderScene();
    scene.fill();
    scene.nowMs = 9_999;
    const before = scene.progress.loseSight(scene.nowMs);
    scene.nowMs = 10_000;

    expect([before, scene.progress.loseSight(scene.nowMs), scene.progress.isBlind]).toEqual([false, true, true]);
    expect(scene.progress.loseSight(scene.nowMs)).toBe(false);
  });
});

it("takes twice the time for one that does not answer any more, and nothing while pongs come", () => {
  const scene = ReaderScene.sighted();
  scene.fill();
  const sinceMs = scene.nowMs;
  const isLostAt = (atMs: number) => scene.progress.loseSight(sinceMs + atMs);

  const early = isLostAt(19_999);
  scene.nowMs += 15_000;
  scene.pong();

  expect([early, isLostAt(20_000), isLostAt(34_999), isLostAt(35_000)]).toEqual([false, false, false, true]);
});

describe("a reader that the relay does not read", () => {
  it("is not asked, and not bounded by a window", () => {
    const scene = ReaderScene.sighted();
    scene.progress.unread(scene.nowMs);

    const asked = Array.from({ length: 100 }, () => scene.write(N));

    expect(asked).not.toContain(true);
    expect([scene.progress.isPingDue, scene.progress.roomBytes > 0]).toEqual([false, true]);
  });

  it("is stalled after 30 s without a write callback", () => {
    const scene = ReaderScene.sighted();
    scene.progress.unread(scene.nowMs);
    scene.pass(10_000);
    scene.progress.drained(scene.nowMs);
    const sinceMs = scene.nowMs;

    scene.pass(40_000);

    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBe(30_000);
  });

  it("does not begin its clock anew by being read again and not", () => {
    const scene = ReaderScene.sighted();
    for (let count = 0; count < 12; count += 1) {
      scene.progress.unread(scene.nowMs);
      scene.pass(3000);
      scene.progress.readAgain(scene.nowMs);
      if (scene.progress.isPingDue) scene.progress.pinged(scene.nowMs);
    }

    expect(scene.verdict).toMatchObject({ why: "stalled" });
    expect(scene.verdict?.atMs).toBeLessThanOrEqual(31_000);
  });

  it("begins its clocks anew where the end of another has freed it", () => {
    const scene = ReaderScene.sighted();
    scene.progress.unread(scene.nowMs);
    scene.pass(29_000);

    scene.progress.freed(scene.nowMs);
    const freedAtMs = scene.nowMs;
    scene.progress.readAgain(scene.nowMs);
    scene.pass(40_000);

    expect((scene.verdict?.atMs ?? 0) - freedAtMs).toBe(30_000);
  });

  it("is asked at once when it is read again, and is blind until a pong", () => {
    const scene = ReaderScene.sighted();
    scene.progress.unread(scene.nowMs);
    scene.pass(3000);

    scene.progress.readAgain(scene.nowMs);
    const isDue = scene.progress.isPingDue;
    const number = scene.progress.pinged(scene.nowMs);
    const isBlind = scene.progress.isBlind;
    scene.progress.ponged(number, scene.nowMs);

    expect([isDue, scene.progress.isPingDue, isBlind, scene.progress.isBlind]).toEqual([true, false, true, false]);
  });

  it("is not asked each time that it is stopped and let go by its rate", () => {
    const scene = ReaderScene.sighted();
    let pingCount = 0;
    for (let count = 0; count < 300; count += 1) {
      scene.progress.unread(scene.nowMs);
      scene.nowMs += 10;
      scene.progress.readAgain(scene.nowMs);
      if (!scene.progress.isPingDue) continue;
      pingCount += 1;
      scene.progress.ponged(scene.progress.pinged(scene.nowMs), scene.nowMs);
    }

    expect(pingCount).toBeGreaterThan(0);
    expect(pingCount).toBeLessThanOrEqual(3);
  });

  it("keeps the 30 s until it has read what was written meanwhile", () => {
    const scene = ReaderScene.sighted();
    scene.progress.unread(scene.nowMs);
    for (let count = 0; count < 60; count += 1) scene.write(N);
    scene.pass(3000);
    scene.progress.readAgain(scene.nowMs);
    // Behind 960 KiB; and one that was out before is answered first.
    scene.pings.push(scene.progress.pinged(scene.nowMs));
    const behind = scene.progress;

    scene.pass(26_000);
    const isCutEarly = scene.verdict !== undefined;
    scene.pong();
    scene.write(N);
    const pongAtMs = scene.nowMs;
    scene.pass(20_000);

    expect([isCutEarly, behind.isBlind]).toEqual([false, false]);
    expect((scene.verdict?.atMs ?? 0) - pongAtMs).toBeLessThanOrEqual(10_000 + CHECK_MS);
  });

  it("is not slow by pongs that could not come", () => {
    const scene = ReaderScene.sighted();
    scene.write(N);
    scene.write(N);
    scene.pass(1000);
    scene.progress.unread(scene.nowMs);
    scene.pass(20_000);
    scene.progress.readAgain(scene.nowMs);

    scene.pong();
    scene.pass(250);
    scene.pong();
    scene.pass(250);

    expect(scene.verdict).toBeUndefined();
  });

  it("is slow all the same where it takes too little while it is read", () => {
    const scene = ReaderScene.sighted();
    for (let count = 0; count < 40 && scene.verdict === undefined; count += 1) {
      scene.progress.unread(scene.nowMs);
      scene.pass(1000);
      scene.progress.readAgain(scene.nowMs);
      scene.pings.push(scene.progress.pinged(scene.nowMs));
      scene.pong();
      scene.write(8 * KIB);
      scene.pass(3000);
    }

    expect(scene.verdict).toMatchObject({ why: "slow" });
  });
});

describe("a reader that sends much itself", () => {
  const UPLOAD_CHUNK_BYTES = 8192;

  it("is not one whose own pings and heartbeats come, though its pong is late", () => {
    const scene = ReaderScene.sighted();
    scene.write(scene.progress.fragmentBytes);
    scene.pass(3000);

    const became = scene.progress.heard(10, scene.nowMs);

    expect([became, scene.progress.isBlind]).toEqual([false, false]);
  });

  it("is blind while its own data comes in and a ping has been out for 2 s: the pong stands behind", () => {
    const scene = ReaderScene.sighted();
    scene.write(scene.progress.fragmentBytes);
    const heard = (atMs: number) => {
      scene.nowMs += atMs;
      return scene.progress.heard(UPLOAD_CHUNK_BYTES, scene.nowMs);
    };

    const became = [heard(1999), heard(1), heard(1)];
    const isBlind = scene.progress.isBlind;
    scene.pong();

    expect(became).toEqual([false, true, false]);
    expect([isBlind, scene.progress.isBlind, scene.progress.heard(UPLOAD_CHUNK_BYTES, scene.nowMs + 5000)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("stays for as long as the kernel takes something, and 30 s more", () => {
    const scene = ReaderScene.sighted();
    scene.write(scene.progress.fragmentBytes);
    for (let count = 0; count < 33; count += 1) {
      scene.pass(1000);
      scene.progress.heard(UPLOAD_CHUNK_BYTES, scene.nowMs);
      if (count % 10 === 9) scene.progress.drained(scene.nowMs);
    }

    expect(scene.verdict).toBeUndefined();
  });
});
