import type { Link, TurnTime } from "../../hub/ports.ts";
import { TokenBucket } from "../../limits/token-bucket.ts";

/** Joins and leaves of one connection: all topics that it may have at once, and then a few a second. */
const CHANGES = { perSecond: 20, burst: 300 };

/**
 * Every join and leave is told to a whole topic: a connection that does little else is read more slowly, whatever the
 * rates of messages are.
 */
export class MembershipChanges {
  readonly #time: Pick<TurnTime, "nowMs">;
  readonly #link: Link;
  #bucket: TokenBucket | undefined;

  constructor(time: Pick<TurnTime, "nowMs">, link: Link) {
    this.#time = time;
    this.#link = link;
  }

  /** Counts one. Where it is one too many, the link is not read for a while. */
  count(): void {
    const { nowMs } = this.#time;
    this.#bucket ??= new TokenBucket(CHANGES, nowMs);
    this.#bucket.fill(nowMs);
    this.#bucket.take(1);
    if (this.#bucket.waitMs > 0) this.#link.pauseFor(this.#bucket.waitMs);
  }
}
