import type { Member } from "./member.ts";

/** The few decisions that carry the promise. They are a part, so that tests show what each wrong one breaks. */
export type DeliveryPolicy = {
  /**
   * What a receiver takes as its baseline: what is above it is owed.
   * @param base what the sender owes at least: its head when it first saw this receiver.
   * @param firstLive the first message that came and was no repair of another's; infinite where there was none.
   */
  readonly baseline: (base: number, firstLive: number) => number;
  /** Not random: nobody overhears it. The sender collects. */
  readonly askDelayMs: () => number;
  /** Bytes of repair that a receiver takes at a time from each of so many senders. */
  readonly repairBudgetBytes: (senderCount: number) => number;
  /** Whether what was sent again counts towards the budget: also what was there already. */
  readonly countsAsRepair: (repair: { readonly isDuplicate: boolean }) => boolean;
  /** Whether the buffer keeps what this member lacks, as long as there is time. */
  readonly isProtected: (member: Member) => boolean;
  /** Whether what has left so long ago may go, where nobody protected lacks it. */
  readonly isOld: (ageMs: number) => boolean;
};

export const deliveryPolicy: DeliveryPolicy = {
  baseline: (base, firstLive) => Math.min(base, firstLive - 1),
  askDelayMs: () => 10,
  // 512 KiB: half of what a relay holds for one connection before it stops its senders.
  repairBudgetBytes: (senderCount) => Math.max(32_768, Math.floor(524_288 / senderCount)),
  countsAsRepair: () => true,
  isProtected: ({ confirmed, hasRoom, isHere, askedHead }) =>
    confirmed !== undefined && hasRoom && (!isHere || confirmed <= askedHead),
  isOld: (ageMs) => ageMs > 30_000,
};
