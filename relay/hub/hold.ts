import type { Peer } from "./peer.ts";
import type { HoldNotice, HubEvent } from "./ports.ts";
import type { Member, Topic } from "./topic.ts";

/** A message that some of its receivers have no room for yet. It is kept once, however many they are. */
export class HeldMessage {
  readonly event: HubEvent;
  /** What it costs while it is held. */
  readonly byteLength: number;
  readonly hold: Hold;
  /** The one topic of its receivers. */
  readonly topic: Topic | undefined;
  #owedCount: number;

  /** @param owedTo at least one. */
  constructor(event: HubEvent, byteLength: number, hold: Hold, owedTo: readonly Member[]) {
    this.event = event;
    this.byteLength = byteLength;
    this.hold = hold;
    this.topic = owedTo[0]?.topic;
    this.#owedCount = owedTo.length;
  }

  /** One receiver has got it, or never will. @returns whether it is owed to nobody any more. */
  settle(): boolean {
    this.#owedCount -= 1;
    return this.#owedCount === 0;
  }
}

/** Gives a peer a frame that tells it of its holds. */
export type Tell = (peer: Peer<Member>, frame: Uint8Array) => void;

/** What is held at one sender for others, and whether the sender is read meanwhile. */
export class Hold {
  readonly peer: Peer<Member>;
  readonly #tell: Tell;
  readonly #noticed = new Map<string, { readonly topicName: string; readonly to: number | undefined; count: number }>();
  #byteCount = 0;
  #messageCount = 0;
  #isPaused = false;
  #toldAtMs = 0;
  #deadlineMs: number | undefined;

  constructor(peer: Peer<Member>, tell: Tell) {
    this.peer = peer;
    this.#tell = tell;
  }

  get isEmpty(): boolean {
    return this.#messageCount === 0;
  }

  /** Whether its connection is not read because of it. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Until when what is held of a connection that has closed may still be delivered; undefined: it is open. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  /** Whether so much is held that its connection is not to be read. @param isTight all holds together are above their bound. */
  isAboveLimit(isTight: boolean): boolean {
    if (this.#byteCount > this.peer.holdRules.holdLimitBytes) return true;
    return isTight && this.#messageCount > 1;
  }

  add(message: HeldMessage, nowMs: number): void {
    this.#byteCount += message.byteLength;
    this.#messageCount += 1;
    const place = placeOf(message.event);
    if (place === undefined) return;
    const noticed = this.#noticed.get(place.key);
    if (noticed !== undefined) noticed.count += 1;
    else {
      this.#noticed.set(place.key, { topicName: place.topicName, to: place.to, count: 1 });
      this.#notify("congested", place.topicName, place.to);
      this.#toldAtMs = nowMs;
    }
  }

  remove(message: HeldMessage): void {
    this.#byteCount -= message.byteLength;
    this.#messageCount -= 1;
    const place = placeOf(message.event);
    const noticed = place && this.#noticed.get(place.key);
    if (place === undefined || noticed === undefined) return;
    noticed.count -= 1;
    if (noticed.count > 0) return;
    this.#noticed.delete(place.key);
    this.#notify("relieved", place.topicName, place.to);
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.peer.link.pause();
  }

  /** @param isFreed by the end of one who was in the way: then its own clocks begin anew. */
  resume({ isFreed }: { readonly isFreed: boolean }): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.peer.link.resume({ isFreed });
  }

  /** Says it again to one that is not read: the sign of life that it would take a pong for. */
  repeat(nowMs: number, afterMs: number): void {
    if (!this.#isPaused || nowMs - this.#toldAtMs < afterMs) return;
    const [first] = this.#noticed.values();
    if (first === undefined) return;
    this.#toldAtMs = nowMs;
    this.#notify("congested", first.topicName, first.to);
  }

  /** The connection is closed: what is held may still be delivered until then. */
  outlive(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  #notify(state: HoldNotice["state"], topicName: string, to: number | undefined): void {
    if (this.#deadlineMs !== undefined || this.peer.isOver) return;
    const { encodeNotice } = this.peer.holdRules;
    if (encodeNotice !== undefined)
      this.#tell(this.peer, encodeNotice({ state, topicName, to, heldBytes: this.#byteCount }));
  }
}

/** Where a sender may hold back: who comes and goes is not its to hold back. */
function placeOf(
  event: HubEvent,
): { readonly key: string; readonly topicName: string; readonly to: number | undefined } | undefined {
  if (event.type !== "data" && event.type !== "addressed") return undefined;
  const { topicName } = event.from;
  // The name comes last: it may hold anything, and a handle does not.
  return { key: `${event.to ?? ""} ${topicName}`, topicName, to: event.to };
}
