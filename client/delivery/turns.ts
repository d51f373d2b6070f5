import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import type { Lane } from "./lane.ts";
import type { Carrier } from "./ports.ts";

/** So long acknowledgements wait for more to acknowledge. */
const ACKNOWLEDGE_AFTER_MS = 20;

/** What a lane sends in one turn: so many bytes, and what is left of the last frame. */
const TURN_BYTES = 32 * 1024;

/** What all lanes of a topic share: whose turn it is to send, and who has to say what it has received. */
export class Turns {
  readonly #carrier: Pick<Carrier, "isWritable" | "toPeers">;
  /** Lanes that may have something to send, the next one first, with the bytes that each may still send in this turn. */
  readonly #ready = new Map<Lane, number>();
  /** Lanes that have something to acknowledge. */
  readonly #owing = new Set<Lane>();
  readonly #acknowledging: Alarm;

  constructor(clock: Clock, carrier: Pick<Carrier, "isWritable" | "toPeers">) {
    this.#carrier = carrier;
    this.#acknowledging = new Alarm(clock, () => this.acknowledge());
  }

  /** Perhaps a lane has something to send. */
  ready(lane: Lane): void {
    if (!this.#ready.has(lane)) this.#ready.set(lane, TURN_BYTES);
    this.send();
  }

  /** Sends while the carrier takes it: who has large frames waits for as many turns of the others. @returns whether all was sent. */
  send(maxBytes: number = Number.POSITIVE_INFINITY): boolean {
    let sentBytes = 0;
    for (const [lane, turnBytes] of this.#ready) {
      let leftBytes = turnBytes;
      while (leftBytes > 0) {
        const mayGoOn = this.#carrier.isWritable && sentBytes < maxBytes;
        const frame = mayGoOn ? lane.take() : undefined;
        if (frame === undefined) {
          if (!mayGoOn) {
            this.#ready.set(lane, leftBytes);
            return false;
          }
          this.#ready.delete(lane);
          break;
        }
        this.#carrier.toPeers([lane.sid], frame);
        leftBytes -= frame.byteLength;
        sentBytes += frame.byteLength;
      }
      if (leftBytes > 0) continue;
      // Its next turn is behind the others.
      this.#ready.delete(lane);
      this.#ready.set(lane, leftBytes + TURN_BYTES);
    }
    return true;
  }

  /** A lane has perhaps something to acknowledge. */
  owe(lane: Lane): void {
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
  forget(lane: Lane): void {
    this.#ready.delete(lane);
    this.#owing.delete(lane);
  }

  #say(lane: Lane): void {
    lane.acknowledge();
    this.#owing.delete(lane);
  }
}
