import type { Server } from "node:net";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";

/** One line says how it goes; more would fill the disk at the worst of times. */
const LINE_INTERVAL_MS = 60_000;

/**
 * Why a connection was closed as it came, before anybody looked at it: there are as many sockets as the limit of open files
 * allows; as many as the options allow; the system could not hand it over. A closed set, it is a label.
 */
export type DropReason = "open-files" | "sockets" | "accept-failed";

/** What it uses. */
export type DroppedConnectionsParts = { readonly clock: Clock; readonly log: Logger };

/** Counts the connections that a server closes as they come, and tells of them once a minute at most. */
export class DroppedConnections {
  readonly #parts: DroppedConnectionsParts;
  readonly #counts: Record<DropReason, number> = { "open-files": 0, sockets: 0, "accept-failed": 0 };
  #untoldCount = 0;
  #nextLineAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DroppedConnectionsParts) {
    this.#parts = parts;
  }

  /** @param whenFull which of the two limits the server's own is. */
  watch(server: Server, whenFull: "open-files" | "sockets"): void {
    server.on("drop", () => this.#dropped(whenFull));
    server.on("error", (error: NodeJS.ErrnoException) => {
      // The other errors of a server are those of its start.
      if (error.syscall === "accept") this.#dropped("accept-failed");
    });
  }

  /** Since the start. */
  counts(): Readonly<Record<DropReason, number>> {
    return { ...this.#counts };
  }

  #dropped(reason: DropReason): void {
    const { clock, log } = this.#parts;
    this.#counts[reason] += 1;
    this.#untoldCount += 1;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#nextLineAtMs) return;
    this.#nextLineAtMs = nowMs + LINE_INTERVAL_MS;
    log.warn({ reason, connections: this.#untoldCount }, "connections are closed as they come");
    this.#untoldCount = 0;
  }
}
