import { CloseCode } from "../../../protocol/close-codes.ts";
import { SUBPROTOCOL_V1, TOKEN_SUBPROTOCOL_PREFIX } from "../../../protocol/subprotocol.ts";
import { encodeV1Error } from "../../../protocol/v1-relay-messages.ts";
import type {
  Asked,
  ConnectionLink,
  Dialect,
  Opening,
  Route,
  Session,
  SessionConnection,
  TrafficReading,
  UpgradeRefusalNotice,
} from "../../session/ports.ts";
import { ClassicSession } from "./classic-session.ts";
import { classicEncoding, textFrame, v1BinaryEncoding, v1JsonEncoding } from "./codec.ts";
import { DepositRules } from "./deposit-rules.ts";
import { PeerConnections, type SessionParts } from "./session-parts.ts";
import { TopicTraffic } from "./traffic.ts";
import { V1Session } from "./v1-session.ts";

/** PluresDB's GUN relay has these, and pipes (relay/dialects/raw). */
const OTHER_PROTOCOL = /^\/(gun(\/.*)?|(topic\/)?[0-9a-f]{64})$/;

/** A client without the subprotocol. */
const CLASSIC = "classic";

/** What it is made with. */
export type TopicDialectParts = Omit<SessionParts, "traffic" | "connections" | "depositRules">;

/** Topics: peers join one and what one sends, the others get. The README beside this says who speaks it. */
export class TopicDialect implements Dialect {
  readonly name = "topic";
  readonly prefix = "/plures";
  readonly clients: readonly string[] = [CLASSIC, SUBPROTOCOL_V1];
  readonly extraSilentSweeps = 0;
  readonly restartClose: { readonly code: number; readonly reason: string } = {
    code: CloseCode.serviceRestart,
    reason: "the relay restarts",
  };
  readonly #parts: SessionParts;
  readonly #startedAtMs: number;

  constructor(parts: TopicDialectParts) {
    const { mailboxes } = parts;
    this.#parts = {
      ...parts,
      traffic: new TopicTraffic(),
      connections: new PeerConnections(),
      depositRules: mailboxes && new DepositRules(mailboxes),
    };
    this.#startedAtMs = parts.time.nowMs;
  }

  /** `/`; at its own address every path, as the original does, but those of its system's other protocol. */
  claims({ path, place }: Pick<Asked, "path" | "place">): boolean {
    return path === "/" || (place === "own" && !OTHER_PROTOCOL.test(path));
  }

  /** The original's own body: what watches it looks for these. On the shared port the relay's page has them too. */
  get routes(): readonly Route[] {
    return [
      {
        method: "GET",
        path: "/health",
        place: "own",
        maxBodyBytes: 0,
        answer: () => ({ status: 200, contentType: "application/json", body: JSON.stringify(this.#health()) }),
      },
    ];
  }

  /**
   * Ours where offered; else the first, as the original's server does: browsers give up when none of theirs is chosen.
   * Never a token: the answer would repeat it.
   */
  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
    if (offered.has(SUBPROTOCOL_V1)) return SUBPROTOCOL_V1;
    for (const subprotocol of offered) if (!subprotocol.startsWith(TOKEN_SUBPROTOCOL_PREFIX)) return subprotocol;
    return undefined;
  }

  clientOf({ subprotocol }: Pick<Opening, "subprotocol">): string {
    return subprotocol === SUBPROTOCOL_V1 ? SUBPROTOCOL_V1 : CLASSIC;
  }

  /** A classic client closes on any `error`, and has no word for this. */
  refusalFrame(opening: Pick<Opening, "subprotocol">, refusal: UpgradeRefusalNotice): Uint8Array | undefined {
    if (this.clientOf(opening) !== SUBPROTOCOL_V1) return undefined;
    const { of, ...details } = refusal;
    return textFrame(encodeV1Error(of === "credential" ? "unauthorized" : "refused", undefined, details));
  }

  open(
    link: ConnectionLink,
    connection: SessionConnection,
    opening: Pick<Opening, "subprotocol"> & Partial<Pick<Opening, "host">>,
  ): Session {
    return this.clientOf(opening) === SUBPROTOCOL_V1
      ? new V1Session(this.#parts, link, connection, opening.host ?? "")
      : new ClassicSession(this.#parts, link, connection);
  }

  traffic(): readonly TrafficReading[] {
    const { hub, traffic } = this.#parts;
    const { classic, v1Json, v1Binary } = traffic;
    const dialect = this.name;
    return [
      { dialect, client: CLASSIC, encoding: "json", received: classic, sent: hub.delivered(classicEncoding) },
      { dialect, client: SUBPROTOCOL_V1, encoding: "json", received: v1Json, sent: hub.delivered(v1JsonEncoding) },
      {
        dialect,
        client: SUBPROTOCOL_V1,
        encoding: "binary",
        received: v1Binary,
        sent: hub.delivered(v1BinaryEncoding),
      },
    ];
  }

  rejected(): Readonly<Record<string, number>> {
    return this.#parts.traffic.rejected();
  }

  #health(): object {
    const { hub, time } = this.#parts;
    const { topics, peers } = hub.counts();
    return { status: "healthy", topics, peers, uptime: (time.nowMs - this.#startedAtMs) / 1000 };
  }
}
