import type { dropReasons } from "./outbox.ts";
import type { SlowReason } from "./ports.ts";

/** Who is there now, and what has been carried since the start. */
export type HubCounts = {
  readonly topics: number;
  /** Connections that are in at least one topic. */
  readonly peers: number;
  /** Messages taken from senders, and the bytes of their payloads as the sender wrote them. */
  readonly messages: number;
  readonly bytes: number;
  /** Connections ended because they read too slowly, by reason. */
  readonly outboxesFull: number;
  readonly stalledReaders: number;
  readonly slowReaders: number;
  /** How often a sender was not read for what was held of it. */
  readonly pauses: number;
  /** What is held now at senders for receivers without room. */
  readonly heldBytes: number;
  /** Memberships that began, and that ended. */
  readonly joins: number;
  readonly leaves: number;
  /** Connections that read too slowly now. */
  readonly congested: number;
  /** Frames and messages that were lost, by reason. */
  readonly drops: CountsOfDrops;
};

type CountsOfDrops = Readonly<Record<(typeof dropReasons)[number], number>>;

/** Why the hub ends a connection: a closed set; each is a label of the counter. */
export type EndReason = "outbox-full" | SlowReason;

/** How a connection is closed. */
export type Close = { readonly code: number; readonly reason: string };
