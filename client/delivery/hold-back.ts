import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import { HeldTime, type Member } from "./member.ts";
import type { DeliveryPolicy } from "./policy.ts";
import type { DeliveryEvents, Sid } from "./ports.ts";

/** What it works with. */
export type HoldBackParts = {
  readonly clock: Clock;
  readonly events: DeliveryEvents;
  readonly policy: DeliveryPolicy;
  readonly members: ReadonlyMap<Sid, Member>;
  /** The time of somebody is over, or it is time to ask again. */
  readonly onDue: () => void;
};

/** For how long within a minute one member, and all together, may be waited for. */
export type HoldBackOptions = { readonly heldMsEach: number; readonly heldMsInAll: number };

const ASK_AGAIN_MS = 1000;

/** Knows for whom the resend buffer keeps what is old, and how long this may go on. */
export class HoldBack {
  readonly #parts: HoldBackParts;
  readonly #options: HoldBackOptions;
  readonly #due: Alarm;
  readonly #inAll = new HeldTime();
  #blockers: readonly { readonly member: Member; readonly isCounted: boolean }[] = [];
  #sinceMs = 0;
  #isConnected = false;
  /** Nobody lacks what is below. */
  #freeBelow = 0;

  constructor(parts: HoldBackParts, options: HoldBackOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#due = new Alarm(parts.clock, parts.onDue);
  }

  /** Who is waited for now. */
  get blockers(): readonly Member[] {
    return this.#blockers.map(({ member }) => member);
  }

  /** What members have, or who is here, has changed. */
  changed({ isConnected = this.#isConnected }: { readonly isConnected?: boolean } = {}): void {
    this.#isConnected = isConnected;
    this.#freeBelow = 0;
  }

  /** Who lacks this message and may be waited for. */
  lacking(seq: number): readonly Member[] {
    if (seq < this.#freeBelow) return [];
    this.#charge();
    let freeBelow = Number.POSITIVE_INFINITY;
    const lacking: Member[] = [];
    for (const member of this.#parts.members.values()) {
      if (!this.#parts.policy.isProtected(member) || this.#leftMs(member) < 1) continue;
      const confirmed = member.confirmed ?? 0;
      freeBelow = Math.min(freeBelow, confirmed);
      if (confirmed <= seq) lacking.push(member);
    }
    this.#freeBelow = freeBelow;
    return lacking;
  }

  /** Broadcasts wait for these from now on. */
  hold(members: readonly Member[]): void {
    this.#charge();
    const before = this.#blockers.map(({ member }) => member.sid);
    this.#blockers = members.map((member) => ({ member, isCounted: this.#isCounted(member) }));
    if (members.length === 0) this.#due.cancel();
    else this.#due.within(Math.min(ASK_AGAIN_MS, ...members.map((member) => this.#leftMs(member))));
    const sids = members.map(({ sid }) => sid);
    if (before.length !== sids.length || sids.some((sid, index) => sid !== before[index]))
      this.#parts.events.onHeld(sids);
  }

  /** Absences that one's own began are not counted: they end with the grace. */
  #isCounted({ isHere, isOwnAbsence }: Member): boolean {
    return this.#isConnected && (isHere || !isOwnAbsence);
  }

  #leftMs(member: Member): number {
    if (!this.#isCounted(member)) return Number.POSITIVE_INFINITY;
    const nowMs = this.#parts.clock.monotonicMs();
    const { heldMsEach, heldMsInAll } = this.#options;
    return Math.min(heldMsEach - member.held.usedMs(nowMs), heldMsInAll - this.#inAll.usedMs(nowMs));
  }

  #charge(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const sinceMs = this.#sinceMs;
    this.#sinceMs = nowMs;
    const counted = this.#blockers.filter(({ isCounted }) => isCounted);
    if (counted.length === 0 || nowMs === sinceMs) return;
    for (const { member } of counted) member.held.add(sinceMs, nowMs);
    this.#inAll.add(sinceMs, nowMs);
  }
}
