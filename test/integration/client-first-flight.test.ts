import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../client/clock.ts";
import { Dialler } from "../../client/node/dialler.ts";
import { diallerPartsFor } from "../../client/node/node-dialler.ts";
import { Trust } from "../../client/node/trust.ts";
import { startRelay } from "../support/relay.ts";

/** Time in which the three seconds of silence are a third of one. */
const HURRY = 9;
const hurried: Clock = {
  monotonicMs: () => systemClock.monotonicMs() * HURRY,
  after: (delayMs, task) => systemClock.after(delayMs / HURRY, task),
};
/** What is larger is lost. An answer with a certificate is longer than this, an alert shorter. */
const LIMITS = { hello: 1460, answer: 600 } as const;

/** A way to a port of loopback that loses large chunks: those of the client, or those of the server. */
class NarrowWay {
  readonly connectionSizes: number[] = [];
  readonly #losing: "hello" | "answer";
  #port = 0;

  private constructor(losing: "hello" | "answer") {
    this.#losing = losing;
  }

  static async to(port: number, losing: "hello" | "answer"): Promise<NarrowWay> {
    const way = new NarrowWay(losing);
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on("error", () => undefined);
      }
      near.once("data", (chunk: Buffer) => way.connectionSizes.push(chunk.length));
      near.on("data", (chunk: Buffer) => way.#passes("hello", chunk) && far.write(chunk));
      far.on("data", (chunk: Buffer) => way.#passes("answer", chunk) && near.write(chunk));
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    way.#port = typeof address === "object" && address !== null ? address.port : 0;
    return way;
  }

  get url(): URL {
    return new URL(`wss://localhost:${this.#port}`);
  }

  #passes(part: "hello" | "answer", chunk: Buffer): boolean {
    return this.#losing !== part || chunk.length <= LIMITS[part];
  }
}

function hurriedDialler(ca: string | undefined): Dialler {
  const finder = { find: async () => [{ proxy: undefined, info: undefined }] as const };
  const { watch } = diallerPartsFor({}, { platform: "none", env: {} });
  return new Dialler({ clock: hurried, finder, trust: new Trust({ ca }), watch });
}

it("gets through with a hello of one packet where the usual one is lost, tells so, and begins with it the next time", async () => {
  const relay = await startRelay();
  const way = await NarrowWay.to(relay.port, "hello");
  const dialler = hurriedDialler(relay.certificate);
  const { signal } = new AbortController();

  const isSmall: unknown[] = [];
  for (let count = 0; count < 2; count += 1) {
    (await dialler.openSocket(way.url, signal)).destroy();
    isSmall.push(dialler.wayTo(way.url)?.tls?.isSmallHello);
  }

  expect(isSmall).toEqual([true, true]);
  const [usual = 0, ...small] = way.connectionSizes;
  expect(usual).toBeGreaterThan(LIMITS.hello);
  expect(small).toHaveLength(2);
  expect(Math.max(...small)).toBeLessThan(600);
});

it("tells a path that loses large packets from a server that is silent", async () => {
  const relay = await startRelay();
  const way = await NarrowWay.to(relay.port, "answer");
  const silent = createServer((socket) => {
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const silentAddress = silent.address();
  const silentPort = typeof silentAddress === "object" ? silentAddress?.port : 0;
  const { signal } = new AbortController();
  const dialler = hurriedDialler(relay.certificate);

  await expect(dialler.openSocket(way.url, signal)).rejects.toThrow(
    /TLS is not answered \(8000 ms\); small packets get through and large ones do not/,
  );
  await expect(dialler.openSocket(new URL(`wss://localhost:${silentPort}`), signal)).rejects.toThrow(
    /TLS is not answered \(8000 ms\)$/,
  );
});
