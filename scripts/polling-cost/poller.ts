import type { Target } from "../bench/generator/connection.ts";

/** Takes deliveries. */
export type Deliveries = {
  /** What a delivery has in bytes on the wire. */
  readonly byteCount: number;
  readonly onDelivery: () => void;
  /** It cannot go on. */
  readonly onFailure: (error: Error) => void;
};

/** A member of a topic that polls, and sends nothing but its join. */
export interface Poller {
  /** Resolves when the server has confirmed the join. Polls from then on, until `close`. */
  open(): Promise<void>;
  close(): void;
}

/** Makes the member of this number in this topic. */
export type CreatePoller = (target: Target, topic: string, index: number, deliveries: Deliveries) => Poller;
