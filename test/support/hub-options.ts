import type { HubOptions } from "../../relay/hub/hub-parts.ts";

/** Options under which nothing is ever slow, but for what a test changes. */
export function hubOptions(changes: Partial<HubOptions> = {}): HubOptions {
  return {
    outboxHighWaterBytes: 1_000_000,
    maxOutboxBytes: 1_000_000,
    slowReaderPolicy: "pause",
    maxHeldBytes: 10_000_000,
    drainTimeoutMs: 8000,
    closeFor: {
      "outbox-full": { code: 1013, reason: "outbox full" },
      stalled: { code: 4001, reason: "drained nothing" },
      slow: { code: 4002, reason: "reads too slowly" },
    },
    ...changes,
  };
}
