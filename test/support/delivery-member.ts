import type { Delivery } from "../../client/delivery/delivery.ts";
import type { DeliveryPolicy } from "../../client/delivery/policy.ts";
import type { DirectLanes } from "../../client/delivery/ports.ts";

export type NetworkOptions = {
  readonly seed: number;
  readonly latencyMs?: number;
  /** Frames of different senders overtake each other by up to so much. */
  readonly jitterMs?: number;
  /** What a member's socket takes. */
  readonly bytesPerMs?: number;
  readonly resendBufferBytes?: number;
  readonly heldMsEach?: number;
  readonly heldMsInAll?: number;
  /** Of the frames to a member. */
  readonly lossRate?: number;
  readonly repairLossRate?: number;
  readonly duplicateRate?: number;
  readonly startMs?: number;
  /** Whether a frame to several leaves its sender once. */
  readonly hasLists?: boolean;
  readonly defect?: Defect;
};

/** What a wrong implementation does: a decision of the policy, or frames that it would send or hear otherwise. */
export type Defect = {
  readonly policy?: Partial<DeliveryPolicy>;
  /** What a member makes of a frame that it hears. */
  readonly hears?: (frame: Uint8Array, isAddressed: boolean, member: SimMember) => HeardFrame;
  /** What a member sends in place of a frame. */
  readonly sends?: (frame: Uint8Array) => Uint8Array;
  readonly sendDelayMs?: (frame: Uint8Array, random: () => number) => number;
  readonly heldMs?: number;
  readonly graceMs?: number;
  /** Tells all losses of a turn behind its messages. */
  readonly isLossLate?: boolean;
  /** Its wire name stays the same, so the relay refuses it while an old connection is half open. */
  readonly isNameStable?: boolean;
  /** A broadcast was rejected. */
  readonly onRejected?: () => void;
};

type HeardFrame = { readonly frame: Uint8Array; readonly isAddressed: boolean };

/** How a member behaves: `mute` confirms nothing, `unread` has an app that does not read, `liar` sends anything. */
export type MemberKind = "good" | "mute" | "unread" | "liar";

/** A line to the relay, as both of its ends know it. */
export type Connection = {
  /** Whether bytes get through. */
  isUp: boolean;
  /** The relay has it in the topic. */
  isAttached: boolean;
  /** The earliest time at which the next frame of each sender arrives, and of all. */
  readonly arrivals: Map<string, number>;
  barrierMs: number;
  upstreamMs: number;
  sendsUntilMs: number;
};

/** A member of the simulated topic. */
export type SimMember = {
  readonly sid: string;
  kind: MemberKind;
  readonly delivery: Delivery;
  connection: Connection | undefined;
  /** It knows that it is connected. */
  isJoined: boolean;
  hasRoom: boolean;
  readonly messages: [string, Uint8Array][];
  readonly faults: string[];
  readonly heldLog: (readonly string[])[];
  callCount: number;
};

/** No messages to one peer. */
export const noLanes: DirectLanes = {
  received: () => undefined,
  peerBack: () => undefined,
  peerAway: () => undefined,
  peerGone: () => undefined,
  writable: () => true,
  congestion: () => undefined,
  roomAgain: () => undefined,
  close: () => undefined,
};

/** A quick, faultless network of small buffers. */
export const networkDefaults: Required<Omit<NetworkOptions, "seed">> = {
  latencyMs: 20,
  jitterMs: 5,
  bytesPerMs: 20_000,
  resendBufferBytes: 262_144,
  heldMsEach: 8000,
  heldMsInAll: 16_000,
  lossRate: 0,
  repairLossRate: 0,
  duplicateRate: 0,
  startMs: 0,
  hasLists: true,
  defect: {},
};
