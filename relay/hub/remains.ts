import type { HubEvent, MemberIdentity } from "./ports.ts";
import type { Member } from "./topic.ts";
import type { Owed } from "./waiting-line.ts";

/** What one receiver misses of one member. */
type Missed = {
  readonly to: Member;
  readonly from: MemberIdentity;
  /** Messages that are lost by this. */
  lostCount: number;
  /** What it is to be told of: those, and messages that were left out for it before. */
  count: number;
  sizeBytes: number;
  /** The receiver never heard that this member came. */
  isStranger: boolean;
  farewell: HubEvent | undefined;
};

/** What is left of messages that one sender owed one receiver, and that will not be given. */
export class Remains {
  readonly #missed = new Map<MemberIdentity, Missed>();

  /** @param taken in the order in which they came. */
  constructor(taken: readonly Owed[]) {
    for (const { message, to } of taken) this.#add(message.event, to);
  }

  /** How many messages were lost. Who came and left is no message. */
  get messageCount(): number {
    let messageCount = 0;
    for (const { lostCount } of this.#missed.values()) messageCount += lostCount;
    return messageCount;
  }

  /** The members of the sender of which the receiver never heard. */
  *strangers(): Iterable<MemberIdentity> {
    for (const { from, isStranger } of this.#missed.values()) if (isStranger) yield from;
  }

  /** What the receiver is told in their place: how many messages it misses, and that their member has left. */
  *events(): Iterable<{ readonly to: Member; readonly event: HubEvent }> {
    for (const { to, from, count, sizeBytes, isStranger, farewell } of this.#missed.values()) {
      if (isStranger) continue;
      if (count > 0) yield { to, event: { type: "omitted", from, count, sizeBytes } };
      if (farewell !== undefined) yield { to, event: farewell };
    }
  }

  #add(event: HubEvent, to: Member): void {
    const from = "member" in event ? event.member : event.from;
    let missed = this.#missed.get(from);
    if (missed === undefined) {
      missed = { to, from, lostCount: 0, count: 0, sizeBytes: 0, isStranger: false, farewell: undefined };
      this.#missed.set(from, missed);
    }
    if (event.type === "peer-joined") missed.isStranger = true;
    else if (event.type === "peer-left") missed.farewell = event;
    else if (event.type === "omitted") {
      missed.count += event.count;
      missed.sizeBytes += event.sizeBytes;
    } else if ("payload" in event) {
      missed.lostCount += 1;
      missed.count += 1;
      missed.sizeBytes += event.payload.byteLength;
    }
  }
}
