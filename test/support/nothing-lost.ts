import type { TrialResult } from "../../scripts/kill-test/trial.ts";

/** What a trial of the kill test finds where each message has come once, in order, and nobody was told otherwise. */
export const NOTHING_LOST: Partial<TrialResult> = {
  lostSilently: 0,
  lostTold: 0,
  toldInVain: 0,
  doubled: 0,
  reordered: 0,
  strange: 0,
  refused: 0,
  stillWaiting: 0,
};
