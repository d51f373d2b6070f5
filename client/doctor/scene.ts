import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { DiallerParts } from "../node/dialler.ts";
import type { ConnectOptions, TlsOptions } from "../relay.ts";

/** What the doctor is asked to look at. */
export type Patient = {
  readonly clock: Clock;
  /** Milliseconds since the epoch, by this machine. */
  readonly epochMs: () => number;
  /** `wss:` or `ws:`. */
  readonly url: URL;
  readonly tls: TlsOptions;
  /** As the client takes it. */
  readonly proxy: ConnectOptions["proxy"];
  /** How the client finds and takes its way to the relay. */
  readonly route: DiallerParts;
  readonly token: string | undefined;
  /** Every connection that was opened, to be ended with the diagnosis. */
  readonly opened: Set<{ destroy: () => unknown }>;
};

/** The way to the relay's port: each call gives a connection of its own, with nothing sent on it. It may fail though it has been open before. */
export type Way = () => Promise<Socket>;

/** The name or address that is dialled, without the brackets of IPv6. */
export function hostOf({ url }: Patient): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** The port that is dialled. */
export function portOf({ url }: Patient): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "wss:" ? 443 : 80;
}

/** Node's name for what has failed; of several addresses the first one's. */
export function codeOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  return first instanceof Error && "code" in first && typeof first.code === "string" ? first.code : "";
}
