import { Hub } from "../../relay/hub/hub.ts";
import type { HubOptions } from "../../relay/hub/hub-parts.ts";
import type { Peer } from "../../relay/hub/peer.ts";
import type { HoldNotice } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";
import type { BytesPayload } from "../../relay/session/payload.ts";
import { hubOptions } from "./hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "./recording-link.ts";
import { TestTime } from "./test-time.ts";

export const HIGH_WATER_BYTES = 1000;
const HOLD_LIMIT_BYTES = 3100;
export const encoding: PlainEncoding = new PlainEncoding();
/** A new member is told nothing. */
export const welcome = (): [] => [];
/** One message that takes all room. */
export const big: BytesPayload = textPayload("x".repeat(HIGH_WATER_BYTES));

/** One connection that joined, what it was sent, and what it was told of its own holds. */
export type Who = { readonly link: RecordingLink; readonly member: Member; readonly notices: HoldNotice[] };

/** A hub with a topic "t". Who is not reading takes only what it is told to; a v1 member is told of what is held of it. */
export class HoldsScene {
  readonly time: TestTime = new TestTime();
  readonly hub: Hub;

  constructor(changes: Partial<HubOptions> = {}) {
    const options = hubOptions({ outboxHighWaterBytes: HIGH_WATER_BYTES, maxOutboxBytes: 100_000, ...changes });
    this.hub = new Hub(options, { time: this.time });
  }

  connect(
    dialect: "classic" | "v1",
    options: { readonly isReading: boolean },
  ): Omit<Who, "member"> & { readonly peer: Peer<Member> } {
    const link = new RecordingLink(options);
    const notices: HoldNotice[] = [];
    const encodeNotice = (notice: HoldNotice) => {
      notices.push(notice);
      return new TextEncoder().encode(JSON.stringify({ type: notice.state }));
    };
    const rules = dialect === "v1" ? { holdLimitBytes: HOLD_LIMIT_BYTES, encodeNotice } : { holdLimitBytes: 0 };
    return { link, notices, peer: this.hub.connect(link, rules) };
  }

  /** A member that reads at once. */
  join(name: string, dialect: "classic" | "v1" = "classic", options: { readonly isReading: boolean } = READS): Who {
    const { link, notices, peer } = this.connect(dialect, options);
    return { link, notices, member: this.hub.join(peer, { topicName: "t", peerId: name, encoding }, welcome) };
  }

  /** A member that takes nothing until it is told to. */
  joinSlow(name = "slow", dialect: "classic" | "v1" = "classic"): Who {
    return this.join(name, dialect, { isReading: false });
  }

  /** It takes all that waits, turn after turn. */
  readAll({ link }: Who): void {
    do link.drain(link.bufferedBytes);
    while (this.time.turn() || link.bufferedBytes > 0);
  }
}

const READS = { isReading: true };

/** What a reader was sent by members, in short. */
export function seen({ link }: Who): string[] {
  return link.frames.map((frame) => {
    const { type, peerId, payload, presence, count } = frame as Record<string, string | undefined>;
    return [type, peerId, payload?.slice(0, 8), presence, count].filter((part) => part !== undefined).join(" ");
  });
}
