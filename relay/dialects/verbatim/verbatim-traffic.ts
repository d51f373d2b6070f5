import { Counter } from "../../counter.ts";
import type { Hub } from "../../hub/hub.ts";
import { Traffic } from "../../hub/traffic.ts";
import type { TrafficReading } from "../../session/ports.ts";
import { VerbatimEncoding } from "./verbatim-encoding.ts";

/** Why a message, or a client, is not taken: the words that metrics have for the same elsewhere. */
const rejections = ["bad-message", "not-permitted", "topic-full", "unauthorized"] as const;

/** One of the reasons above. */
export type VerbatimRejection = (typeof rejections)[number];

/** What one kind of client has sent and was given, and what was not taken of it, since the start. */
export class VerbatimTraffic {
  readonly encoding: VerbatimEncoding = new VerbatimEncoding();
  readonly received: Traffic = new Traffic();
  readonly #rejected = new Counter<VerbatimRejection>(rejections);

  reject(reason: VerbatimRejection): void {
    this.#rejected.add(reason);
  }

  rejected(): Readonly<Record<VerbatimRejection, number>> {
    return this.#rejected.read();
  }

  /** @param hub counts what was given. */
  reading(hub: Hub, { dialect, client }: Pick<TrafficReading, "dialect" | "client">): TrafficReading {
    return { dialect, client, encoding: "verbatim", received: this.received, sent: hub.delivered(this.encoding) };
  }
}

/** What was not taken of several kinds of client together, by reason. */
export function sumOfRejections(...traffics: readonly VerbatimTraffic[]): Readonly<Record<string, number>> {
  const counts = traffics.map((traffic) => traffic.rejected());
  return Object.fromEntries(
    rejections.map((reason) => [reason, counts.reduce((sum, count) => sum + count[reason], 0)]),
  );
}
