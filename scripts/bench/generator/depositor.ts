import { performance } from "node:perf_hooks";
import { bystanderOf } from "./bystander.ts";
import { Connection, type Receiver } from "./connection.ts";
import type { Histogram } from "./histogram.ts";
import type { Subject } from "./members.ts";
import { createStoringSession } from "./sessions/create-session.ts";
import { makePayload } from "./stamp.ts";

/** No answer is a delivery, however long it is; and of each all is kept, to read it. */
const CONNECTION_OPTIONS = { payloadBytes: Number.MAX_SAFE_INTEGER, keepBytes: 4096 } as const;

/** What a depositor is told, and what it tells. */
type DepositorParts = {
  readonly index: number;
  readonly payloadBytes: number;
  readonly latency: Histogram;
  readonly onStored: () => void;
  readonly onFailure: (error: Error) => void;
};

/** One connection that stores messages for itself. */
export class Depositor implements Receiver {
  readonly connection: Connection;
  readonly #parts: DepositorParts;
  readonly #deposit: Uint8Array;
  /** When each of those under way was sent; they are acknowledged in this order. */
  readonly #sentMs: number[] = [];

  constructor({ target, sessionName }: Subject, parts: DepositorParts) {
    this.#parts = parts;
    const member = bystanderOf(parts.index, parts.index);
    const session = createStoringSession(sessionName, member);
    this.#deposit = session.publication(makePayload(parts.payloadBytes, parts.index, session.form), 0).bytes;
    session.onStored = () => this.#stored();
    this.connection = new Connection(target, member, session, this, CONNECTION_OPTIONS);
  }

  get underWayCount(): number {
    return this.#sentMs.length;
  }

  send(): void {
    this.#sentMs.push(performance.now());
    this.connection.socket.write(this.#deposit);
  }

  onChunk(): void {
    // Each answer is looked at by itself.
  }

  onDelivery(): void {
    // Nothing is one.
  }

  onFailure(error: Error): void {
    this.#parts.onFailure(error);
  }

  #stored(): void {
    const sentMs = this.#sentMs.shift();
    if (sentMs === undefined) return this.#parts.onFailure(new Error("an acknowledgement of nothing"));
    this.#parts.latency.add((performance.now() - sentMs) * 1000);
    this.#parts.onStored();
  }
}
