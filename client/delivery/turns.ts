import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import type { LaneReceiver } from "./lane-receiver.ts";
import type { Carrier, Sid } from "./ports.ts";

/** So long acknowledgements wait for more to acknowledge. */
const ACKNOWLEDGE_AFTER_MS = 20;

/** What a lane sends in one turn: so many bytes, and what is left of the last frame. */
const TURN_BYTES = 32 * 1024;

/** A lane, as far as it takes turns. */
type TurnTaker = {
  readonly sid: Sid;
  readonly receiver: Pick<LaneReceiver, "owes" | "isUrgent">;
  /** The next frame to send now. */
  take(): Uint8Array | undefined;
  /** Says what the receiver has to say. */
  acknowledge(): void;
};

/** What all lanes of a topic share: whose turn it is to send, and who has to say what it has received. */
export class Turns {
  readonly #carrier: Pick<Carrier, "isWritable" | "toPeers">;
  /** Lanes that may have something to send, the next one first, with the bytes that each may still send in this turn. */
  readonly #ready = new Map<TurnTaker, number>();
  /** Lanes that have something to acknowledge. */
  readonly #owing = new Set<TurnTaker>();
  readonly #acknowledging: Alarm;

  constructor(clock: Clock, carrier: Pick<Carrier, "isWritable" | "toPeers">) {
    this.#carrier = carrier;
    this.#acknowledging = new Alarm(clock, () => this.acknowledge());
  }

  /** Perhaps a lane has something to send. */
  ready(lane: TurnTaker): void {
    if (!this.#ready.has(lane)) this.#ready.set(lane, TURN_BYTES);
    this.send();
  }

  /** Sends while the carrier takes it: who has large frames waits for as many turns of the others. @returns whether all was sent. */
  send(maxBytes: number = Number.POSITIVE_INFINITY): boolean {
    let leftBytes = maxBytes;
    for (const [lane, bytes] of this.#ready) {
      let turnBytes = bytes;
      while (turnBytes > 0) {
        if (!this.#carrier.isWritable || leftBytes <= 0) {
          this.#ready.set(lane, turnBytes);
          return false;
        }
        const frame = lane.take();
        if (frame === undefined) break;
        this.#carrier.toPeers([lane.sid], frame);
        turnBytes -= frame.byteLength;
        leftBytes -= frame.byteLength;
      }
      this.#ready.delete(lane);
      // Its next turn is behind the others.
      if (turnBytes <= 0) this.#ready.set(lane, turnBytes + TURN_BYTES);
    }
    return true;
  }

  /** A lane has perhaps something to acknowledge. */
  owe(lane: TurnTaker): void {
    if (lane.receiver.owes === undefined) return;
    this.#owing.add(lane);
    if (lane.receiver.isUrgent) this.#say(lane);
    else this.#acknowledging.within(ACKNOWLEDGE_AFTER_MS);
  }

  /** Says now what there is to acknowledge. */
  acknowledge(): void {
    this.#acknowledging.cancel();
    for (const lane of this.#owing) this.#say(lane);
  }

  /** A lane has ended. */
  forget(lane: TurnTaker): void {
    this.#ready.delete(lane);
    this.#owing.delete(lane);
  }

  #say(lane: TurnTaker): void {
    lane.acknowledge();
    this.#owing.delete(lane);
  }
}
