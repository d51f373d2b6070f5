import type { LineOptions, LineParts } from "../../client/line/line.ts";
import type { PageEvent, PageEvents } from "../../client/line/page-events.ts";
import { FakeClock } from "./fake-clock.ts";
import { TestLine, type TestTopic } from "./line-scene.ts";
import { ScriptedRelay } from "./scripted-relay.ts";

/** A line whose relay, clock and random numbers the test plays. */
type LineScene = { readonly clock: FakeClock; readonly relay: ScriptedRelay; readonly line: TestLine };

/** Random numbers are one half: of each bound, half is waited. */
export function openScene(options: Partial<LineOptions> = {}, parts: Partial<LineParts> = {}): LineScene {
  const clock = new FakeClock();
  const relay = new ScriptedRelay();
  const line = new TestLine(
    "wss://user:secret@relay.test/plures?token=secret",
    { clock, dial: relay.dial, random: () => 0.5, ...parts },
    { reconnect: { minDelayMs: 250, maxDelayMs: 30_000 }, connectTimeoutMs: 15_000, ...options },
  );
  clock.advance(0);
  return { clock, relay, line };
}

/** A scene with one topic that was joined. */
export function openJoined(
  options: Partial<LineOptions> = {},
  parts: Partial<LineParts> = {},
): LineScene & { topic: TestTopic } {
  const scene = openScene(options, parts);
  const topic = scene.line.open("t");
  scene.relay.last.open();
  scene.relay.last.pong();
  scene.relay.last.joined();
  return { ...scene, topic };
}

/** A page whose life the test plays. */
export class FakePage {
  #listener: ((event: PageEvent) => void) | undefined;

  readonly pageEvents: PageEvents = (listener: (event: PageEvent) => void): (() => void) => {
    this.#listener = listener;
    return () => (this.#listener = undefined);
  };

  tell(event: PageEvent): void {
    this.#listener?.(event);
  }
}

/** Lets what waits for a promise run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** Lets time pass until it dials again. @returns after how long. */
export function untilDial({ clock, relay }: LineScene, maxMs = 700_000): number {
  const before = relay.sockets.length;
  const startMs = clock.monotonicMs();
  while (relay.sockets.length === before && clock.monotonicMs() - startMs < maxMs) clock.advance(1);
  return clock.monotonicMs() - startMs;
}
