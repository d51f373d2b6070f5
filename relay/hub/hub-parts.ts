import type { HandleShare } from "./handles.ts";
import type { HoldsOptions } from "./holds.ts";
import type { Close, EndReason } from "./hub-counts.ts";
import type { OutboxOptions } from "./outbox.ts";
import type { Peer } from "./peer.ts";
import type { Encoding, HubHooks, MemberIdentity, TopicRate, TurnTime } from "./ports.ts";
import type { Member, Naming } from "./topic.ts";

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

/** Who joins what, and how frames are written for it. */
export type Join = Naming & {
  readonly topicName: string;
  readonly encoding: Encoding;
};

/** Writes the frames that a new member gets first. */
export type Welcome = (member: Member) => Iterable<Uint8Array>;

/** How a connection ended: as it should, by a close frame or a planned stop; or it was cut off. */
export type Ending = "closed" | "cut";

/** By member: who never heard that it came. */
export type Strangers = ReadonlyMap<MemberIdentity, ReadonlySet<Peer<Member>>>;
