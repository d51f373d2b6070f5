import { describe, expect, it } from "vitest";
import type { SlowReason } from "../../relay/hub/ports.ts";
import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";

const KIB = 1024;
const N = 16 * KIB;
const CHECK_MS = 250;
const LIMITS = { stalledReaderTimeoutMs: 10_000, slowReaderTimeoutMs: 15_000, slowReaderBytesPerSecond: 4096 };

/** A reader, the relay that writes to it, and a time that goes on with checks four times a second. */
class Scene {
  readonly progress: ReaderProgress = new ReaderProgress(LIMITS);
  nowMs = 0;
  /** Numbers of the pings that are out. */
  readonly pings: number[] = [];
  verdict: { readonly why: SlowReason; readonly atMs: number } | undefined;

  /** Writes one piece. @returns whether a ping went behind it. */
  write(byteCount: number): boolean {
    const isDue = this.progress.wrote(byteCount, this.nowMs);
    if (isDue) this.pings.push(this.progress.pinged(this.nowMs));
    return isDue;
  }

  /** Writes pieces of N while there is room. @returns the bytes. */
  fill(maxBytes = 100 * KIB * KIB): number {
    let byteCount = 0;
    while (byteCount < maxBytes && this.progress.roomBytes > 0 && this.pings.length < 16) {
      const pieceBytes = Math.min(this.progress.roomBytes, this.progress.fragmentBytes, N);
      this.write(pieceBytes);
      byteCount += pieceBytes;
    }
    return byteCount;
  }

  pong(): void {
    const number = this.pings.shift();
    if (number !== undefined) this.progress.ponged(number, this.nowMs);
  }

  /** Something waits all the time. */
  pass(durationMs: number): void {
    for (const untilMs = this.nowMs + durationMs; this.nowMs < untilMs; this.nowMs += CHECK_MS) this.#check();
    this.#check();
  }

  #check(): void {
    const why = this.progress.judge(this.nowMs);
    if (why !== undefined) this.verdict ??= { why, atMs: this.nowMs };
  }

  /** It has answered a first ping, and nothing is out. */
  static sighted(): Scene {
    const scene = new Scene();
    scene.write(N);
    scene.nowMs += 100;
    scene.pong();
    return scene;
  }
}

describe("the window", () => {
  it("asks behind the first bytes, then behind every 16 KiB, and gives no more than 16 unanswered times that", () => {
    const scene = new Scene();

    const asked = [scene.write(1), scene.write(N - 1), scene.write(1), scene.write(N)];
    const restBytes = scene.fill();

    expect(asked).toEqual([true, false, true, true]);
    expect(2 * N + restBytes).toBe(15 * N);
    expect(scene.progress.roomBytes).toBe(0);
  });

  it("opens with each pong, which answers for all pings before it", () => {
    const scene = new Scene();
    scene.fill();
    const last = scene.pings.at(-1) ?? 0;

    const isOurs = [scene.progress.ponged(last + 1, 50), scene.progress.ponged(last, 50), scene.progress.ponged(1, 50)];

    expect(isOurs).toEqual([false, true, false]);
    expect(scene.progress.readBytes).toBe(16 * N);
    expect(scene.progress.roomBytes).toBeGreaterThanOrEqual(16 * N);
  });

  it("may be passed where no ping is out: none could open it again", () => {
    const scene = Scene.sighted();
    const inFrame = 40 * scene.progress.fragmentBytes;

    // A frame that was begun whole: nothing can be put into it.
    scene.progress.wrote(inFrame, scene.nowMs);

    expect(scene.progress.roomBytes).toBeGreaterThan(0);
  });

  it("goes in pieces of its spacing", () => {
    expect(new Scene().progress.fragmentBytes).toBe(N);
  });
});

describe("the spacing", () => {
  const answered = (scene: Scene, byteCount: number, pongMs: number): number => {
    scene.write(byteCount);
    scene.nowMs += pongMs;
    scene.pong();
    return scene.progress.fragmentBytes / KIB;
  };

  it("doubles up to 1 MiB while blocks of it and their pongs are quick", () => {
    const scene = new Scene();

    const spacings = [16, 32, 64, 128, 256, 512, 1024, 1024].map((kib) => answered(scene, kib * KIB, 50));

    expect(spacings).toEqual([32, 64, 128, 256, 512, 1024, 1024, 1024]);
  });

  it("does not double for quick answers behind smaller blocks", () => {
    const scene = new Scene();
    scene.fill();
    scene.nowMs += 50;

    while (scene.pings.length > 0) scene.pong();

    // Sixteen blocks of the old spacing say once that it may be twice as much.
    expect(scene.progress.fragmentBytes).toBe(2 * N);
  });

  it("stays where pongs are up to a second later than the quickest, and halves down to 4 KiB where they are more", () => {
    const scene = new Scene();
    answered(scene, N, 50);

    scene.write(64 * KIB);
    const spacings = [251, 1000, 1049, 1050, 1050, 1050, 1050].map((pongMs) => {
      scene.nowMs += pongMs;
      // One is out all the time: nobody is idle.
      scene.write(64 * KIB);
      scene.pong();
      return scene.progress.fragmentBytes / KIB;
    });

    expect(spacings).toEqual([32, 32, 32, 16, 8, 4, 4]);
  });

  it("is 16 KiB again after a second without data: the line may be another one", () => {
    const scene = new Scene();
    answered(scene, N, 50);
    answered(scene, 2 * N, 50);
    const before = scene.progress.fragmentBytes;

    scene.nowMs += 1001;
    scene.write(1);

    expect([before, scene.progress.fragmentBytes]).toEqual([4 * N, N]);
  });
});

describe("a sighted reader", () => {
  it("is stalled 10 s after its last pong", () => {
    const scene = Scene.sighted();
    scene.write(N);
    const sinceMs = scene.nowMs;

    scene.pass(20_000);

    expect(scene.verdict).toMatchObject({ why: "stalled" });
    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeGreaterThanOrEqual(10_000 - 100);
    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeLessThanOrEqual(10_000 + CHECK_MS);
  });

  it("has 16 s where the next pong is more than 256 KiB beyond the last one", () => {
    const scene = new Scene();
    // A fast line, up to a spacing of 512 KiB.
    for (const kib of [16, 32, 64, 128, 256]) {
      scene.write(kib * KIB);
      scene.nowMs += 10;
      scene.pong();
    }
    scene.write(512 * KIB);
    const sinceMs = scene.nowMs;

    scene.pass(30_000);

    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeGreaterThanOrEqual(16_000 - 100);
    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeLessThanOrEqual(16_000 + CHECK_MS);
  });

  it("makes no progress by what the kernel takes", () => {
    const scene = Scene.sighted();
    for (let count = 0; count < 11; count += 1) {
      scene.write(1000);
      scene.progress.drained(scene.nowMs);
      scene.pass(1000);
    }

    expect(scene.verdict).toMatchObject({ why: "stalled" });
  });

  it("stays while it answers, however slowly above 4 KiB/s", () => {
    const scene = Scene.sighted();
    for (let count = 0; count < 20; count += 1) {
      scene.write(N);
      scene.pass(3900);
      scene.pong();
    }

    expect(scene.verdict).toBeUndefined();
  });

  it("is slow where it takes less than 4 KiB/s for 15 s, by its pongs", () => {
    const scene = Scene.sighted();
    for (let count = 0; count < 8 && scene.verdict === undefined; count += 1) {
      scene.write(8 * KIB);
      scene.write(8 * KIB);
      scene.pass(4500);
      scene.pong();
    }

    expect(scene.verdict).toMatchObject({ why: "slow" });
    expect(scene.verdict?.atMs).toBeGreaterThanOrEqual(15_000);
    expect(scene.verdict?.atMs).toBeLessThanOrEqual(23_000);
  });

  it("has no clock running while nothing waits for it", () => {
    const scene = Scene.sighted();
    scene.write(100);

    scene.nowMs += 60_000;
    scene.pass(9000);

    expect(scene.verdict).toBeUndefined();
  });
});

describe("a reader that has never answered", () => {
  it("is given what the kernel takes after 10 s, and is stalled 30 s after the kernel took something last", () => {
    const scene = new Scene();
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
    const scene = new Scene();
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
    const scene = new Scene();
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
    const scene = new Scene();
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
    const scene = new Scene();
    scene.write(N);
    scene.pass(10_250);

    scene.pong();

    expect(scene.progress.isBlind).toBe(false);
  });

  it("loses the window though nobody judges it: it may have too little waiting for that", () => {
    const scene = new Scene();
    scene.fill();
    scene.nowMs = 9_999;
    const before = scene.progress.loseSight(scene.nowMs);
    scene.nowMs = 10_000;

    expect([before, scene.progress.loseSight(scene.nowMs), scene.progress.isBlind]).toEqual([false, true, true]);
    expect(scene.progress.loseSight(scene.nowMs)).toBe(false);
  });
});

it("takes twice the time for one that does not answer any more, and nothing while pongs come", () => {
  const scene = Scene.sighted();
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
    const scene = Scene.sighted();
    scene.progress.unread(scene.nowMs);

    const asked = Array.from({ length: 100 }, () => scene.write(N));

    expect(asked).not.toContain(true);
    expect([scene.progress.isPingDue, scene.progress.roomBytes > 0]).toEqual([false, true]);
  });

  it("is stalled after 30 s without a write callback", () => {
    const scene = Scene.sighted();
    scene.progress.unread(scene.nowMs);
    scene.pass(10_000);
    scene.progress.drained(scene.nowMs);
    const sinceMs = scene.nowMs;

    scene.pass(40_000);

    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBe(30_000);
  });

  it("does not begin its clock anew by being read again and not", () => {
    const scene = Scene.sighted();
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
    const scene = Scene.sighted();
    scene.progress.unread(scene.nowMs);
    scene.pass(29_000);

    scene.progress.freed(scene.nowMs);
    const freedAtMs = scene.nowMs;
    scene.progress.readAgain(scene.nowMs);
    scene.pass(40_000);

    expect((scene.verdict?.atMs ?? 0) - freedAtMs).toBe(30_000);
  });

  it("is asked at once when it is read again, and is blind until a pong", () => {
    const scene = Scene.sighted();
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
    const scene = Scene.sighted();
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
    const scene = Scene.sighted();
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
    const scene = Scene.sighted();
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
    const scene = Scene.sighted();
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
  it("is blind while its own data comes in and a ping has been out for 2 s: the pong stands behind", () => {
    const scene = Scene.sighted();
    scene.write(scene.progress.fragmentBytes);
    const heard = (atMs: number) => {
      scene.nowMs += atMs;
      return scene.progress.heard(scene.nowMs);
    };

    const became = [heard(1999), heard(1), heard(1)];
    const isBlind = scene.progress.isBlind;
    scene.pong();

    expect(became).toEqual([false, true, false]);
    expect([isBlind, scene.progress.isBlind, scene.progress.heard(scene.nowMs + 5000)]).toEqual([true, false, false]);
  });

  it("stays for as long as the kernel takes something, and 30 s more", () => {
    const scene = Scene.sighted();
    scene.write(scene.progress.fragmentBytes);
    for (let count = 0; count < 33; count += 1) {
      scene.pass(1000);
      scene.progress.heard(scene.nowMs);
      if (count % 10 === 9) scene.progress.drained(scene.nowMs);
    }

    expect(scene.verdict).toBeUndefined();
  });
});
