import { CloseCode } from "../../../protocol/close-codes.ts";
import { Counter } from "../../counter.ts";
import type { Hub } from "../../hub/hub.ts";
import type { TurnTime } from "../../hub/ports.ts";
import { Traffic } from "../../hub/traffic.ts";
import type { Cryptography } from "../../session/cryptography.ts";
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
import { VerbatimEncoding } from "../verbatim/verbatim-encoding.ts";
import { AgentNetwork, type AgentRates } from "./agent-network.ts";
import { AgentRegistrations, jsonPage } from "./agent-registration.ts";
import { AgentRegistry, type AgentRegistryOptions, type AgentRegistryParts } from "./agent-registry.ts";
import { AGENT_PUBLIC_NAME, type AgentRejection, AgentSession, type AgentSessionParts } from "./agent-session.ts";

const CLIENT = "agent";
const TOKEN_PARAMETER = "token";
/** RFC 6750 section 2.1. */
const BEARER = /^bearer +(\S+) *$/i;
/** A JSON Web Token (RFC 7519) is a grant of this relay's, and no agent's token. */
const GRANT = /^[^.]*\.[^.]*\.[^.]*$/;
/** How often those that have ended are cleared away. */
const CLEAR_INTERVAL_MS = 60_000;
const MINUTE_MS = 60_000;

/** What tunes it. */
type AgentOptions = AgentRegistryOptions &
  AgentRates & { readonly agentRegistrationsPerHour: number; readonly agentMaxMessageBytes: number };

/** What it is made with. */
export type AgentDialectParts = {
  readonly hub: Hub;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly cryptography: Cryptography;
  readonly createTable: AgentRegistryParts["createTable"];
  readonly agents: AgentOptions;
};

/** Agents that know each other by name. The README beside this has the rules. */
export class AgentDialect implements Dialect {
  readonly name = "agent";
  readonly prefix = "/arc";
  readonly clients: readonly string[] = [CLIENT];
  readonly extraSilentSweeps = 0;
  readonly credentialParameter: string = TOKEN_PARAMETER;
  readonly maxMessageBytes: number;
  readonly restartClose: Close = { code: CloseCode.serviceRestart, reason: "the relay restarts" };
  readonly accounts: AgentRegistry;
  readonly routes: readonly Route[];
  readonly #parts: AgentSessionParts;
  readonly #network: AgentNetwork;
  readonly #rejected = new Counter<AgentRejection>([
    "bad-message",
    "not-permitted",
    "topic-full",
    "unauthorized",
    "refused",
  ]);
  readonly #startedAtMs: number;
  #clearedAtMs: number;
  /** What had been taken a minute ago, for the original's figure. */
  #minute = { atMs: 0, messageCount: 0, before: 0 };

  constructor({ hub, time, nowMs, cryptography, createTable, agents }: AgentDialectParts) {
    const network = new AgentNetwork(agents);
    const onEnded = (agentId: string): void => network.end(agentId);
    const connectionCountOf = (agentId: string): number => network.connectionCountOf(agentId);
    const registry = new AgentRegistry({ createTable, cryptography, nowMs, onEnded, connectionCountOf }, agents);
    const registrations = new AgentRegistrations(
      { registry, time, onRefused: () => this.#rejected.add("refused") },
      agents.agentRegistrationsPerHour,
    );
    this.#network = network;
    this.accounts = registry;
    this.maxMessageBytes = agents.agentMaxMessageBytes;
    this.routes = [...registrations.routes(AGENT_PUBLIC_NAME), ...this.#pages()];
    this.#parts = {
      hub,
      registry,
      network,
      cryptography,
      encoding: new VerbatimEncoding(),
      received: new Traffic(),
      reject: (reason) => this.#rejected.add(reason),
      time,
      nowMs,
    };
    this.#startedAtMs = time.nowMs;
    this.#clearedAtMs = time.nowMs;
  }

  /** `/arc`, which is the prefix; at an address of its own `/` too. */
  claims({ path, place }: Pick<Asked, "path" | "place">): boolean {
    return path === "/" && place === "own";
  }

  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
    return foreignSubprotocol(offered);
  }

  clientOf(): string {
    return CLIENT;
  }

  open(link: ConnectionLink, connection: SessionConnection, opening: Opening): Session {
    const session = new AgentSession(this.#parts, link, connection);
    session.enter({ token: tokenOf(opening), host: opening.host });
    return session;
  }

  figures(): { readonly health: Readonly<Record<string, number>>; readonly stats: Readonly<Record<string, number>> } {
    return {
      health: {},
      stats: {
        registered_agents: this.accounts.count,
        connected_agents: this.#network.connectedCount,
        subscriptions: this.#network.subscriptionCount,
      },
    };
  }

  lookAround(): void {
    const { time, registry } = this.#parts;
    this.#network.lookAround(time.nowMs);
    for (const id of this.#network.connectedIds()) if (!registry.isRegistered(id)) this.#network.end(id);
    if (time.nowMs - this.#clearedAtMs < CLEAR_INTERVAL_MS) return;
    this.#clearedAtMs = time.nowMs;
    void registry.clear();
  }

  traffic(): readonly TrafficReading[] {
    const { hub, encoding, received } = this.#parts;
    return [{ dialect: this.name, client: CLIENT, encoding: "json", received, sent: hub.delivered(encoding) }];
  }

  rejected(): Readonly<Record<string, number>> {
    return this.#rejected.read();
  }

  /** The original's pages, at its own address alone: on the shared port these are the relay's. Nobody is named in them. */
  #pages(): readonly Route[] {
    return [
      page("/health", () => ({ status: "ok", uptime: this.#uptimeSeconds() })),
      page("/stats", () => this.#stats()),
      {
        method: "GET",
        path: "/",
        place: "own",
        maxBodyBytes: 0,
        answer: () => ({ status: 426, contentType: "text/plain; charset=utf-8", body: "Upgrade Required" }),
      },
    ];
  }

  /** The two shapes that the original's server and its pages have. */
  #stats(): object {
    const { count: registered } = this.accounts;
    const { connectedCount: connected, subscriptionCount: subscriptions } = this.#network;
    return {
      relay: { connected, agents: [], subscriptions },
      registry: { registered, agents: [] },
      registered_agents: registered,
      active_connections: connected,
      messages_per_minute: this.#messagesPerMinute(),
      uptime: this.#uptimeSeconds(),
    };
  }

  #messagesPerMinute(): number {
    const { time, received } = this.#parts;
    const { messageCount } = received;
    const elapsedMs = time.nowMs - this.#minute.atMs;
    if (elapsedMs >= MINUTE_MS) {
      const before = elapsedMs < 2 * MINUTE_MS ? messageCount - this.#minute.messageCount : 0;
      this.#minute = { atMs: time.nowMs, messageCount, before };
    }
    return this.#minute.before;
  }

  #uptimeSeconds(): number {
    return Math.trunc((this.#parts.time.nowMs - this.#startedAtMs) / 1000);
  }
}

function page(path: string, value: () => object): Route {
  return { method: "GET", path, place: "own", maxBodyBytes: 0, answer: () => jsonPage(200, value(), 2) };
}

/** The agent's token: in the header, which wins, or in the address. */
function tokenOf({ query, authorization }: Pick<Opening, "query" | "authorization">): string {
  const [, bearer = ""] = BEARER.exec(authorization) ?? [];
  if (bearer !== "" && !GRANT.test(bearer)) return bearer;
  return new URLSearchParams(query).get(TOKEN_PARAMETER) ?? "";
}
