import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Hub } from "../../hub/hub.ts";
import type { TurnTime } from "../../hub/ports.ts";
import { isJsonObject } from "../../json.ts";
import { readJsonMessage } from "../../json-members.ts";
import { addressBytes } from "../../limits/address.ts";
import { NetworkRates } from "../../limits/network-rates.ts";
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
import { scopedTopicName } from "../../session/topic-scope.ts";
import { foreignSubprotocol } from "../verbatim/foreign-subprotocol.ts";
import { relayIdOf } from "../verbatim/relay-address.ts";
import { MeshCounts } from "./mesh-counts.ts";
import { MeshEncoding } from "./mesh-encoding.ts";
import { Meshes } from "./mesh-nodes.ts";
import { MeshRegistry, type MeshRegistryParts } from "./mesh-registry.ts";
import { MeshSession, type MeshSessionParts } from "./mesh-session.ts";

const CLIENT = "mesh";
/** What Python's websockets takes is a MiB: room for what the relay writes around a message. */
const MAX_MESSAGE_BYTES = 1_047_552;
const HOUR_SECONDS = 3600;
/** How often what is over is forgotten. */
const CLEAR_INTERVAL_MS = 60_000;
/** The first messages that are this dialect's. */
const FIRST_TYPES: ReadonlySet<unknown> = new Set(["register_mesh", "join", "register"]);
const TOPIC_START = scopedTopicName("mesh", "");
/** Of the original whose messages these are. */
const ORIGINAL_VERSION = "2.0.0";

/** What it is made with. */
export type MeshDialectParts = {
  readonly hub: Hub;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly cryptography: Cryptography;
  readonly createTable: MeshRegistryParts["createTable"];
  readonly meshes: {
    readonly maxMeshes: number;
    readonly meshRegistrationsPerHour: number;
    readonly meshJoinsPerMinute: number;
  };
};

/** Meshes of nodes that know each other by id. The README beside this has the rules. */
export class MeshDialect implements Dialect {
  readonly name = "mesh";
  readonly prefix = "/mesh";
  readonly clients: readonly string[] = [CLIENT];
  readonly extraSilentSweeps = 0;
  readonly maxMessageBytes: number = MAX_MESSAGE_BYTES;
  readonly noJoinReason = "Registration timeout";
  readonly restartClose: Close = { code: CloseCode.serviceRestart, reason: "the relay restarts" };
  readonly accounts: MeshRegistry;
  readonly routes: readonly Route[];
  readonly #parts: MeshSessionParts;
  readonly #startedAtMs: number;
  #clearedAtMs: number;

  constructor({ hub, time, nowMs, cryptography, createTable, meshes: options }: MeshDialectParts) {
    const meshes = new Meshes(options.meshJoinsPerMinute);
    const registry = new MeshRegistry(
      {
        createTable,
        cryptography,
        nowMs,
        monotonicMs: () => time.nowMs,
        onRevoked: (meshId) => meshes.revoke(meshId),
        connectionCountOf: (meshId) => meshes.get(meshId)?.nodeCount ?? 0,
      },
      options,
    );
    const perHour = options.meshRegistrationsPerHour;
    const rates = perHour === 0 ? undefined : new NetworkRates({ perSecond: perHour / HOUR_SECONDS, burst: perHour });
    this.accounts = registry;
    this.#parts = {
      hub,
      meshes,
      registry,
      cryptography,
      encoding: new MeshEncoding(({ topicName, peerId }) => meshes.get(meshIdOf(topicName))?.node(peerId)?.facts),
      counts: new MeshCounts(),
      mayRegister: (clientAddress) => rates?.tryTake(addressBytes(clientAddress), time.nowMs) !== false,
      time,
      nowMs,
    };
    this.routes = this.#pages();
    this.#startedAtMs = time.nowMs;
    this.#clearedAtMs = time.nowMs;
  }

  claims({ path }: Pick<Asked, "path">): boolean {
    return relayIdOf(path) !== undefined;
  }

  /** A join, in text or with a node's id in bytes; where there is a mesh of this id, all that is an object of JSON. */
  claimsFirst(message: Uint8Array, isBinary: boolean, asked: Asked): boolean {
    const { value } = readJsonMessage(message) ?? {};
    if (!isJsonObject(value)) return false;
    const isJoin = FIRST_TYPES.has(value["type"]) && (!isBinary || typeof value["node_id"] === "string");
    return isJoin || (!isBinary && this.claimsSilent(asked));
  }

  /** Where there is a mesh of this id, one that says nothing is a node that has to. */
  claimsSilent({ path }: Pick<Asked, "path">): boolean {
    const meshId = relayIdOf(path) ?? "";
    const { registry, meshes } = this.#parts;
    return registry.get(meshId) !== undefined || meshes.get(meshId) !== undefined;
  }

  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
    return foreignSubprotocol(offered);
  }

  clientOf(): string {
    return CLIENT;
  }

  open(link: ConnectionLink, connection: SessionConnection, { path }: Pick<Opening, "path">): Session {
    return new MeshSession(this.#parts, link, connection, relayIdOf(path) ?? path);
  }

  figures(): { readonly health: Readonly<Record<string, number>>; readonly stats: Readonly<Record<string, number>> } {
    const { meshes, counts } = this.#parts;
    const { total_connections: _, ...stats } = counts.read();
    return {
      health: { meshes: meshes.count, registered_meshes: this.accounts.count },
      stats: { active_meshes: meshes.count, registered_meshes: this.accounts.count, ...stats },
    };
  }

  lookAround(): void {
    const { time, meshes, registry } = this.#parts;
    if (time.nowMs - this.#clearedAtMs < CLEAR_INTERVAL_MS) return;
    this.#clearedAtMs = time.nowMs;
    meshes.lookAround(time.nowMs);
    void registry.clear();
  }

  traffic(): readonly TrafficReading[] {
    const { hub, encoding, counts } = this.#parts;
    return [
      {
        dialect: this.name,
        client: CLIENT,
        encoding: "json",
        received: counts.received,
        sent: hub.delivered(encoding),
      },
    ];
  }

  rejected(): Readonly<Record<string, number>> {
    return this.#parts.counts.rejected();
  }

  /** The original's pages, at its own address alone: on the shared port these are the relay's. No mesh is named in them. */
  #pages(): readonly Route[] {
    const endpoints = { health: "/health", stats: "/stats", relay: "/relay/{mesh_id}" };
    return [
      page("/", () => ({
        service: "Atmosphere Relay Server",
        version: ORIGINAL_VERSION,
        security: "token-verified",
        status: "running",
        endpoints,
      })),
      page("/health", () => {
        const { meshes } = this.#parts;
        const [active, connections] = [meshes.count, meshes.nodeCount];
        const uptime = this.#uptimeSeconds();
        return {
          status: "ok",
          meshes: active,
          connections,
          registered_meshes: this.accounts.count,
          uptime_seconds: uptime,
        };
      }),
      page("/stats", () => {
        const { meshes, counts } = this.#parts;
        return {
          uptime_seconds: this.#uptimeSeconds(),
          ...counts.read(),
          active_meshes: meshes.count,
          registered_meshes: this.accounts.count,
          active_connections: meshes.nodeCount,
          meshes: [],
        };
      }),
    ];
  }

  #uptimeSeconds(): number {
    return (this.#parts.time.nowMs - this.#startedAtMs) / 1000;
  }
}

function page(path: string, value: () => object): Route {
  return {
    method: "GET",
    path,
    place: "own",
    maxBodyBytes: 0,
    answer: () => ({
      status: 200,
      contentType: "application/json",
      body: JSON.stringify(value()),
      // As the original has it; there is nothing in them that a page of another site may not read.
      headers: { "access-control-allow-origin": "*" },
    }),
  };
}

function meshIdOf(topicName: string): string {
  return topicName.slice(TOPIC_START.length);
}
