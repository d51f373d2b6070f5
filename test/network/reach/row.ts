import type { CauseName } from "../../../client/doctor/common/causes.ts";
import type { PosternErrorCode } from "../../../client/errors.ts";
import type { Office } from "./office.ts";

/** How the client fares, with nothing set but its environment, on a machine that is not busy. */
export type Expected =
  /** Messages of three sizes have come back within this time. */
  | { readonly outcome: "passes"; readonly withinMs: number }
  /** No message gets through, and the app is told this within this time. @property says is in the error's message. */
  | { readonly outcome: "fails"; readonly code: PosternErrorCode; readonly says: RegExp; readonly withinMs: number };

/** One kind of network, with what a client is to do in it. */
export type Row = {
  /** Unique; it stands in docs/reach.md. */
  readonly name: string;
  /** What the network does, for docs/reach.md. */
  readonly network: string;
  /** What of others it is made of: the commands that must be there. */
  readonly needs?: readonly string[];
  readonly expected: Expected;
  /** What `doctor` says of it; left out: that apps get through. */
  readonly cause?: CauseName;
  /** What `doctor` says that apps get past. */
  readonly hindrance?: CauseName;
  /** Somebody intercepts TLS whom the machine trusts: `doctor` says so, by the relay's key. Of all others that pass it proves that nobody does. */
  readonly isIntercepted?: true;
  /** What the reader of docs/reach.md is told of the outcome, beyond the outcome. */
  readonly remark?: string;
  /** Turns an office with a way out into this network. */
  readonly build: (office: Office) => void | Promise<unknown>;
};

/** A client that is at home passes within this time: a program that starts is most of it. */
export const PROMPT_MS = 5000;

/** What the client says of an authority that the machine does not know. */
export const UNTRUSTED: RegExp = /authority that is not trusted/;

/** It gets through. */
export function passes(withinMs: number = PROMPT_MS): Expected {
  return { outcome: "passes", withinMs };
}

/** It does not, and says so. */
export function fails(says: RegExp, withinMs: number, code: PosternErrorCode = "unreachable"): Expected {
  return { outcome: "fails", code, says, withinMs };
}

/** Those that take long first, so that all of them are done early. */
export function longestFirst(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => b.expected.withinMs - a.expected.withinMs);
}
