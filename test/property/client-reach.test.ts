import fc from "fast-check";
import { expect, it } from "vitest";
import type { SocketEvents } from "../../client/line/socket.ts";
import type { Transport, TransportMemory } from "../../client/line/transport.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { TestLine } from "../support/line-scene.ts";
import { ScriptedSocket } from "../support/scripted-relay.ts";

const STEP_MS = 20;
/** How long a dial takes that fails, and one that does not. */
const DIAL_MS = 40;

/** A relay that is killed and started again, in a network that lets everything through; a browser does not say why a dial has failed. */
class RestartedRelay {
  isUp = true;
  readonly #clock: FakeClock;
  #sockets: { readonly socket: ScriptedSocket; answeredCount: number }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** @param repeats how often it is tried: a poll asks twice. */
  dial(events: SocketEvents, repeats = 1): ScriptedSocket {
    const socket = new ScriptedSocket(events);
    this.#clock.after(DIAL_MS, () => {
      if (this.isUp) this.#open(socket);
      else if (repeats > 1) this.#clock.after(DIAL_MS, () => (this.isUp ? this.#open(socket) : socket.end()));
      else socket.end();
    });
    return socket;
  }

  kill(): void {
    this.isUp = false;
    const sockets = this.#sockets;
    this.#sockets = [];
    for (const { socket } of sockets) socket.end();
  }

  /** Answers what was asked since it was last called. */
  answer(): void {
    for (const one of this.#sockets) {
      const pings = one.socket.of("ping");
      for (const { ref } of pings.slice(one.answeredCount)) one.socket.say({ type: "pong", ref });
      one.answeredCount = pings.length;
    }
  }

  #open(socket: ScriptedSocket): void {
    if (socket.isOver) return;
    this.#sockets.push({ socket, answeredCount: 0 });
    socket.open();
  }
}

/** What a page remembers: that a relay is to be polled, and nothing else. */
function pageMemory(): TransportMemory {
  let known: Transport | undefined;
  return {
    recall: () => known,
    remember: (transport) => {
      known = transport === "polling" ? transport : undefined;
    },
  };
}

it("is on a WebSocket again soon after each start of a relay, in a network where one works", () => {
  const outages = fc.array(
    fc.record({ downMs: fc.integer({ min: 0, max: 8000 }), upMs: fc.integer({ min: 8000, max: 20_000 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(outages, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (phases, randoms) => {
      const clock = new FakeClock();
      const relay = new RestartedRelay(clock);
      const memory = pageMemory();
      const line = new TestLine(
        "wss://relay.test",
        {
          clock,
          dial: (_address, events) => relay.dial(events),
          poll: (_address, events) => relay.dial(events, 2),
          memoryOf: () => memory,
          random: () => randoms.next().value,
        },
        { reconnect: { minDelayMs: 250, maxDelayMs: 4000 }, connectTimeoutMs: 15_000 },
      );
      const pass = (durationMs: number): number => {
        let pollingMs = 0;
        for (let ms = 0; ms < durationMs; ms += STEP_MS) {
          clock.advance(STEP_MS);
          relay.answer();
          if (line.line.info.transport === "polling") pollingMs += STEP_MS;
        }
        return pollingMs;
      };
      pass(1000);
      for (const { downMs, upMs } of phases) {
        relay.kill();
        pass(downMs);
        relay.isUp = true;
        const pollingMs = pass(upMs);

        expect(pollingMs).toBeLessThan(1500);
        expect(line.line.info.transport).toBe("websocket");
        expect(memory.recall()).toBeUndefined();
      }
      line.line.close();
    }),
    { numRuns: 40 },
  );
});
