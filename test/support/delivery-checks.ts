import type { SimMember } from "./delivery-member.ts";
import type { DeliveryTruth } from "./delivery-truth.ts";

/** What members have dropped since the last look: quick enough for every step. @throws Broken */
export function checkDrops(truth: DeliveryTruth, members: readonly SimMember[]): void {
  for (const { sid, delivery } of members) {
    const { figures } = delivery;
    if (figures.floor > truth.sender(sid).floor) truth.checkFigures(sid, figures, sidsOf(members));
  }
}

/** All that members keep, drop, and have on its way. @throws Broken */
export function checkAll(truth: DeliveryTruth, members: readonly SimMember[]): void {
  const sids = sidsOf(members);
  for (const { sid, delivery } of members) {
    truth.checkFigures(sid, delivery.figures, sids);
    truth.checkRepairs(sid, sids);
  }
}

function sidsOf(members: readonly SimMember[]): string[] {
  return members.map(({ sid }) => sid);
}
