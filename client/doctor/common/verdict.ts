import { type CauseName, type Curer, causeOf, TO_SETTLE } from "./causes.ts";
import type { Finding } from "./finding.ts";

/** Whether apps get through. */
export type Verdict =
  /** @property hindrance what stands in the way, where apps get past it: by the long poll, or by a smaller first message of TLS. */
  | { readonly works: true; readonly sentence: string; readonly hindrance: CauseName | undefined }
  | {
      readonly works: false;
      readonly cause: CauseName;
      readonly sentence: string;
      readonly remedy: string;
      readonly who: Curer;
      /** What would make it sure; undefined where it is. */
      readonly toSettle: string | undefined;
    };

/** What keeps a WebSocket from working, and perhaps not the long poll. */
export function isGotPast(cause: CauseName): boolean {
  return causeOf(cause).detour === "the long poll";
}

/** What the findings come to: the first that has failed has to be cured first. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const failure = findings.find(({ state }) => state === "failed");
  const obstacle = failure ?? findings.find(({ state, cause }) => state === "warned" && cause !== undefined);
  const works = "Apps get through to the relay";
  if (obstacle === undefined) return { works: true, sentence: works, hindrance: undefined };
  const cause = obstacle.cause ?? "unexplained";
  const { sentence, remedy, who, isUnsure, detour } = causeOf(cause);
  const isPolled = findings.some(({ check, state }) => check === "long poll" && state === "ok");
  if (failure === undefined || (isPolled && isGotPast(cause))) {
    return { works: true, sentence: `${works}, by ${detour}. ${sentence}`, hindrance: cause };
  }
  const toSettle = isUnsure === true ? TO_SETTLE : undefined;
  return { works: false, cause, sentence, remedy, who, toSettle };
}
