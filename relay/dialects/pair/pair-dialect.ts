import type { Hub } from "../../hub/hub.ts";
import type { TurnTime } from "../../hub/ports.ts";
import type {
  Asked,
  Close,
  ConnectionLink,
  Dialect,
  Opening,
  Route,
  Session,
  SessionConnection,
  TrafficReading,
} from "../../session/ports.ts";
import { foreignSubprotocol } from "../verbatim/foreign-subprotocol.ts";
import { relayIdOf } from "../verbatim/relay-address.ts";
import { VerbatimTraffic } from "../verbatim/verbatim-traffic.ts";
import { type PairOptions, Rooms } from "./pair-rooms.ts";
import { type PairParts, PairSession, RESTART_CLOSE } from "./pair-session.ts";

const CLIENT = "pair";
/** What aiohttp takes by default, which the clients use; a message as large as its bound it does not take. */
const MAX_MESSAGE_BYTES = 4_194_303;

/** A page of the original, at its own address alone: on the shared port these pages are the relay's. */
function page(path: string, body: () => object): Route {
  return {
    method: "GET",
    path,
    place: "own",
    maxBodyBytes: 0,
    answer: () => ({ status: 200, contentType: "application/json", body: JSON.stringify(body()) }),
  };
}

/** What it is made with. */
export type PairDialectParts = {
  readonly hub: Hub;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly pairs: PairOptions;
};

/** Two sockets on one id, each of which gets what the other sends. The README beside this has the rules. */
export class PairDialect implements Dialect {
  readonly name = "pair";
  readonly prefix = "/pair";
  readonly clients: readonly string[] = [CLIENT];
  readonly extraSilentSweeps = 0;
  readonly maxMessageBytes: number = MAX_MESSAGE_BYTES;
  readonly restartClose: Close = RESTART_CLOSE;
  readonly #parts: PairParts;
  readonly #nowMs: () => number;

  constructor({ hub, time, nowMs, pairs }: PairDialectParts) {
    this.#parts = { hub, time, traffic: new VerbatimTraffic(), rooms: new Rooms(pairs) };
    this.#nowMs = nowMs;
  }

  claims({ path }: Pick<Asked, "path">): boolean {
    return relayIdOf(path) !== undefined;
  }

  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
    return foreignSubprotocol(offered);
  }

  clientOf(): string {
    return CLIENT;
  }

  open(link: ConnectionLink, connection: SessionConnection, opening: Pick<Opening, "path">): Session {
    const session = this.openSilent(link, connection, opening);
    session.settle();
    return session;
  }

  openSilent(link: ConnectionLink, connection: SessionConnection, { path }: Pick<Opening, "path">): PairSession {
    const session = new PairSession(this.#parts, link, connection, relayIdOf(path) ?? path);
    session.enter();
    return session;
  }

  get routes(): readonly Route[] {
    return [
      page("/health", () => ({ status: "ok", ...this.figures().health, timestamp: this.#nowMs() / 1000 })),
      page("/stats", () => this.figures().stats),
      {
        method: "GET",
        path: "/relay/*",
        place: "own",
        maxBodyBytes: 0,
        answer: () => ({
          status: 400,
          contentType: "text/plain; charset=utf-8",
          body: "This address is a WebSocket's",
        }),
      },
    ];
  }

  figures(): { readonly health: Readonly<Record<string, number>>; readonly stats: Readonly<Record<string, number>> } {
    const { rooms, paired, byteCount } = this.#parts.rooms.counts;
    return {
      health: { sessions: rooms },
      stats: { total_sessions: rooms, active_sessions: paired, total_bytes_relayed: byteCount },
    };
  }

  lookAround(): void {
    this.#parts.rooms.lookAround(this.#parts.time.nowMs);
  }

  traffic(): readonly TrafficReading[] {
    return [this.#parts.traffic.reading(this.#parts.hub, { dialect: this.name, client: CLIENT })];
  }

  rejected(): Readonly<Record<string, number>> {
    return this.#parts.traffic.rejected();
  }
}
