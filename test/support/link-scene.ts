import { Socket } from "node:net";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import type { Rates } from "../../relay/limits/sender-rate.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { WebSocketLink } from "../../relay/websocket/link.ts";
import { Pacing } from "../../relay/websocket/pacing.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { FakeClock } from "./fake-clock.ts";

/** A socket whose writes complete when they are told to. */
class HeldSocket extends Socket {
  readonly writes: Buffer[] = [];
  #done: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk));
    this.#done = done;
  }

  /** The operating system takes the write under way. */
  async complete(): Promise<void> {
    const done = this.#done;
    this.#done = undefined;
    done?.();
    await turns();
  }

  written(): string {
    return Buffer.concat(this.writes).toString("latin1");
  }
}

/** Lets everything that is ready now happen. */
export const turns = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

export type LinkScene = {
  readonly clock: FakeClock;
  readonly socket: HeldSocket;
  readonly link: WebSocketLink;
  /** The messages that the owner of the link was given. */
  readonly received: readonly string[];
  /** The close code, once the link has ended. */
  readonly ended: readonly number[];
  readonly throttle: Throttle;
  readonly latencies: readonly number[];
  readonly parts: ConstructorParameters<typeof WebSocketLink>[0];
  /** Time passes, and the relay looks at it. */
  readonly pass: (durationMs: number) => void;
};

/** A link over a socket whose writes complete when they are told to, in a time that passes when it is told to. */
export function linkScene(rates: Rates = { messages: undefined, bytes: undefined }): LinkScene {
  const clock = new FakeClock();
  const ended: number[] = [];
  const latencies: number[] = [];
  const turnClock = new TurnClock(clock);
  const throttle = new Throttle(turnClock, new RateClasses(rates, ["fast=3", "free=0"]));
  const parts = {
    clock: turnClock,
    flusher: new Flusher(turnClock, { flushIntervalMs: 2 }, { record: (latencyMs) => void latencies.push(latencyMs) }),
    pacing: new Pacing(turnClock),
    throttle,
  };
  const socket = new HeldSocket();
  const link = new WebSocketLink(parts, socket, {
    maxFrameBytes: 1000,
    closeTimeoutMs: 500,
    stalledReaderTimeoutMs: 10_000,
    slowReaderTimeoutMs: 15_000,
    slowReaderBytesPerSecond: 4096,
  });
  const received: string[] = [];
  const owner = {
    receive: (bytes: Uint8Array) => void received.push(Buffer.from(bytes).toString()),
    hungUp: () => undefined,
    ended: (closeCode: number) => void ended.push(closeCode),
  };
  link.attach(owner, Buffer.alloc(0));
  const pass = (durationMs: number) => {
    clock.advance(durationMs);
    turnClock.tick();
  };
  return { clock, socket, link, received, ended, throttle, latencies, parts, pass };
}
