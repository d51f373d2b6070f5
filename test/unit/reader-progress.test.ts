import { describe, expect, it } from "vitest";
import { CHECK_MS, KIB, N, ReaderScene } from "../support/reader-scene.ts";

/** One block and its pong. @returns the spacing from then on, in KiB. */
function answered(scene: ReaderScene, byteCount: number, pongMs: number): number {
  scene.write(byteCount);
  scene.nowMs += pongMs;
  scene.pong();
  return scene.progress.fragmentBytes / KIB;
}

describe("the window", () => {
  it("asks ahead of the first bytes, then behind every 16 KiB, and gives no more than 8 unanswered times that at first", () => {
    const scene = new ReaderScene();

    const isAskedFirst = scene.progress.isPingDue;
    scene.ping();
    const asked = [scene.write(1), scene.write(N - 1), scene.write(1), scene.write(N)];
    const restBytes = scene.fill();

    expect(isAskedFirst).toBe(true);
    expect(asked).toEqual([false, true, false, true]);
    expect(2 * N + 1 + restBytes).toBe(7 * N + 1);
    expect(scene.progress.roomBytes).toBe(0);
  });

  it("gives 16 KiB at a time until the first pong: what comes behind more would be late on a slow line", () => {
    const scene = new ReaderScene();
    scene.ping();
    const before = scene.progress.roomBytes;

    scene.pong();

    expect(before).toBe(N);
    expect(scene.progress.roomBytes).toBe(8 * N);
  });

  it("opens with each pong, which answers for all pings before it", () => {
    const scene = new ReaderScene();
    scene.fill();
    const last = scene.pings.at(-1) ?? 0;

    const isOurs = [scene.progress.ponged(last + 1, 50), scene.progress.ponged(last, 50), scene.progress.ponged(1, 50)];

    expect(isOurs).toEqual([false, true, false]);
    expect(scene.progress.readBytes).toBe(8 * N);
    expect(scene.progress.roomBytes).toBeGreaterThanOrEqual(16 * N);
  });

  it("may be passed where no ping is out: none could open it again", () => {
    const scene = ReaderScene.sighted();
    const inFrame = 40 * scene.progress.fragmentBytes;

    // A frame that was begun whole: nothing can be put into it.
    scene.progress.wrote(inFrame, scene.nowMs);

    expect(scene.progress.roomBytes).toBeGreaterThan(0);
  });

  it("goes in pieces of its spacing", () => {
    expect(new ReaderScene().progress.fragmentBytes).toBe(N);
  });
});

describe("the spacing", () => {
  it("doubles up to 1 MiB while blocks of it and their pongs are quick", () => {
    const scene = new ReaderScene();

    const spacings = [16, 32, 64, 128, 256, 512, 1024, 1024].map((kib) => answered(scene, kib * KIB, 50));

    expect(spacings).toEqual([32, 64, 128, 256, 512, 1024, 1024, 1024]);
  });

  it("does not double for quick answers behind smaller blocks", () => {
    const scene = new ReaderScene();
    scene.fill();
    scene.nowMs += 50;

    while (scene.pings.length > 0) scene.pong();

    // Sixteen blocks of the old spacing say once that it may be twice as much.
    expect(scene.progress.fragmentBytes).toBe(2 * N);
  });

  it("stays where pongs are up to a second later than the quickest, and halves down to 4 KiB where they are more", () => {
    const scene = new ReaderScene();
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
    const scene = new ReaderScene();
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
    const scene = ReaderScene.sighted();
    scene.write(N);
    const sinceMs = scene.nowMs;

    scene.pass(20_000);

    expect(scene.verdict).toMatchObject({ why: "stalled" });
    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeGreaterThanOrEqual(10_000 - 100);
    expect((scene.verdict?.atMs ?? 0) - sinceMs).toBeLessThanOrEqual(10_000 + CHECK_MS);
  });

  it("has 16 s where the next pong is more than 256 KiB beyond the last one", () => {
    const scene = new ReaderScene();
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
    const scene = ReaderScene.sighted();
    for (let count = 0; count < 11; count += 1) {
      scene.write(1000);
      scene.progress.drained(scene.nowMs);
      scene.pass(1000);
    }

    expect(scene.verdict).toMatchObject({ why: "stalled" });
  });

  it("stays while it answers, however slowly above 4 KiB/s", () => {
    const scene = ReaderScene.sighted();
    for (let count = 0; count < 20; count += 1) {
      scene.write(N);
      scene.pass(3900);
      scene.pong();
    }

    expect(scene.verdict).toBeUndefined();
  });

  it("is slow where it takes less than 4 KiB/s for 15 s, by its pongs", () => {
    const scene = ReaderScene.sighted();
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
    const scene = ReaderScene.sighted();
    scene.write(100);

    scene.nowMs += 60_000;
    scene.pass(9000);

    expect(scene.verdict).toBeUndefined();
  });
});
