/** What is known of a member that decides whether it is waited for. */
type Standing = {
  readonly isHere: boolean;
  readonly confirmed: number | undefined;
  readonly askedHead: number;
  readonly hasRoom: boolean;
};

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
  /** Bytes of repair that a receiver takes from one of so many senders, where so much of the others is on its way. */
  readonly repairBudgetBytes: (senderCount: number, otherBytes: number) => number;
  /** Whether what was sent again counts towards the budget: also what was there already. */
  readonly countsAsRepair: (repair: { readonly isDuplicate: boolean }) => boolean;
  /** Whether the buffer keeps what this member lacks, as long as there is time. */
  readonly isProtected: (member: Standing) => boolean;
  /** Whether what has left so long ago may go, where nobody protected lacks it. */
  readonly isOld: (ageMs: number) => boolean;
};

/** The right ones. */
export const deliveryPolicy: DeliveryPolicy = {
  baseline: (base, firstLive) => Math.min(base, firstLive - 1),
  askDelayMs: () => 10,
  // 512 KiB: half of what a relay holds for one connection before it stops its senders.
  repairBudgetBytes: (senderCount, otherBytes) =>
    Math.max(32_768, Math.min(Math.floor(524_288 / senderCount), 524_288 - otherBytes)),
  countsAsRepair: () => true,
  isProtected: ({ confirmed, hasRoom, isHere, askedHead }) =>
    confirmed !== undefined && hasRoom && (!isHere || confirmed <= askedHead),
  isOld: (ageMs) => ageMs > 30_000,
};
