import type { CauseName } from "./causes.ts";

/** What is looked at, in this order. */
export const checkNames = [
  "proxy",
  "name",
  "tcp",
  "tls",
  "first flight",
  "http",
  "clock",
  "upgrade",
  "join",
  "interception",
  "frames",
  "round trip",
  "throughput",
  "long poll",
  "udp",
  "quiet",
] as const;

/** What is looked at. */
export type CheckName = (typeof checkNames)[number];

/** What one check has found. */
export type Finding = Figures & {
  readonly check: CheckName;
  /** `failed`: no app gets past this. `warned`: it does, and should know. `skipped`: there was no need, or no way, to look. */
  readonly state: "ok" | "failed" | "warned" | "skipped";
  /** For people; with nothing secret in it. What others have said is in it as it came: show it as such. */
  readonly text: string;
  /** Where it has failed; and of a warning, what apps get past. */
  readonly cause?: CauseName | undefined;
};

/** What was measured, for programs. */
export type Figures = {
  /** How long it took: of `round trip` the median, of `join` and `long poll` until the topic was joined. Whole milliseconds. */
  readonly tookMs?: number;
  /** Of `tls`: until when the certificate is valid, in milliseconds since the epoch. */
  readonly validUntilMs?: number;
};

/** That it is as it should be. */
export function ok(check: CheckName, text: string, figures: Figures = {}): Finding {
  return { check, state: "ok", text, ...figures };
}

/** That no app gets past it. */
export function failed(check: CheckName, cause: CauseName, text: string): Finding {
  return { check, state: "failed", text, cause };
}

/** That apps get past it, and should know. */
export function warned(check: CheckName, text: string): Finding {
  return { check, state: "warned", text };
}

/** That apps get past it, by a detour of the client. */
export function hindered(check: CheckName, cause: CauseName, text: string): Finding {
  return { check, state: "warned", text, cause };
}

/** That nobody has looked. */
export function skipped(check: CheckName, text: string): Finding {
  return { check, state: "skipped", text };
}
