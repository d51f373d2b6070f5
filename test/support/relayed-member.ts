import { ClearPassage } from "../../client/clear-passage.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { NumberedTopic } from "../../client/numbered-topic.ts";
import type { Cryptography } from "../../client/sealing/cryptography.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { SealedPassage } from "../../client/sealing/sealed-passage.ts";
import { GroupSeals } from "../../client/sealing/seals.ts";
import { joinOn, type SealedNetwork, type SimLine } from "./sealed-network.ts";

/** An app in a topic on several simulated relays at once, with what it was told. */
export class RelayedMember {
  readonly topic: NumberedTopic;
  /** One for each relay, in their order. */
  readonly lines: SimLine[];
  /** `sender text`, in the order of delivery; what was sent to this one alone has a `!` before. */
  readonly heard: string[] = [];
  readonly shown: string[] = [];
  readonly faults: string[] = [];
  /** `join` and `leave`, with who it was. */
  readonly seen: string[] = [];
  lostCount = 0;

  /** @param keys of a sealed topic; undefined: it is public. @param roundTripsMs to each relay; left out: as its latency is */
  constructor(
    networks: readonly [SealedNetwork, ...SealedNetwork[]],
    keys: TopicKeys | undefined,
    { cryptography = new NodeCryptography(), roundTripsMs = [], presence }: RelayedMemberOptions = {},
  ) {
    const { clock } = networks[0];
    this.topic = new NumberedTopic(keys?.topicId ?? "topic", {
      clock,
      resendBufferBytes: 1_048_576,
      presence,
      openPassage: (parts) =>
        keys === undefined
          ? new ClearPassage(parts)
          : new SealedPassage({ ...parts, clock, seals: new GroupSeals(cryptography, keys) }),
    });
    this.lines = networks.map((network, index) =>
      joinOn(network, this.topic, { roundTripMs: () => roundTripsMs[index] ?? 2 * network.latencyMs }),
    );
    this.topic.on("message", ({ peer, text, isDirect }) => this.heard.push(`${isDirect ? "!" : ""}${peer.id} ${text}`));
    this.topic.on("join", ({ id }) => this.seen.push(`join ${id}`));
    this.topic.on("leave", ({ id }) => this.seen.push(`leave ${id}`));
    this.topic.on("lost", ({ count }) => {
      this.lostCount += count;
    });
    this.topic.on("fault", ({ kind }) => this.faults.push(kind));
  }

  get sid(): string {
    return this.topic.self.id;
  }
}

/** What is not usual about a member. */
export type RelayedMemberOptions = {
  readonly cryptography?: Cryptography;
  readonly roundTripsMs?: readonly number[];
  readonly presence?: string | undefined;
};
