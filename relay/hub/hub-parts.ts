import type { HandleShare } from "./handles.ts";
import type { HoldsOptions } from "./holds.ts";
import type { Close, EndReason } from "./hub-counts.ts";
import type { OutboxOptions } from "./outbox.ts";
import type { HubHooks, TopicRate, TurnTime } from "./ports.ts";

/** What tunes the hub: bounds, and how connections end that read too slowly. */
export type HubOptions = OutboxOptions &
  HoldsOptions & {
    readonly closeFor: Readonly<Record<EndReason, Close>>;
    /** Left out, or 0: as many as come. */
    readonly maxMembersPerTopic?: number;
    readonly handleShare?: HandleShare;
  };

/** What the hub uses. */
export type HubParts = {
  readonly time: TurnTime;
  /** Asked once for each new topic; undefined: it may be published to as fast as messages come. */
  readonly createTopicRate?: () => TopicRate | undefined;
  readonly hooks?: HubHooks;
};
