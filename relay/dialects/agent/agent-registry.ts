import { isJsonObject } from "../../json.ts";
import type { Accounts } from "../../session/accounts.ts";
import type { Cryptography } from "../../session/cryptography.ts";
import { StateError } from "../../state/ports.ts";
import type { RecordCodec, StateTable, TableOptions } from "../../state/state-table.ts";

const DAY_MS = 86_400_000;
/** As the original's tokens are: 96 bits. */
const TOKEN_START = "tok_";
const TOKEN_CHARACTERS = 16;
const AUTO_ID_CHARACTERS = 8;
const AGENT_ID = /^[a-z0-9][a-z0-9-]{1,62}[a-z0-9]$/;
/** Whoever had one of these could speak as the relay. */
const RESERVED: ReadonlySet<string> = new Set(["relay", "system"]);
const SHA256 = /^[0-9a-f]{64}$/;
/** So many that have ended are cleared away at one look around. */
const MAX_CLEARED = 100;

/** One registration as it is kept. The token itself is not. */
type AgentRecord = {
  readonly tokenHash: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly registeredAtMs: number;
  readonly expiresAtMs: number | undefined;
};

/** Why a registration is refused: the original's words, and some of our own. */
export type RegistrationRefusal =
  | "invalid_agent_id"
  | "agent_id_reserved"
  | "agent_id_taken"
  | "registry_full"
  | "registry_unavailable";

/** What comes of a registration. The token is told once, and known to nobody after that. */
export type Registration =
  | { readonly agentId: string; readonly token: string }
  | { readonly refusal: RegistrationRefusal };

/** Makes the table of registrations. Given by who keeps them. */
type CreateTable = (options: TableOptions, codec: RecordCodec<AgentRecord>) => StateTable<AgentRecord>;

/** What it uses. */
export type AgentRegistryParts = {
  readonly createTable: CreateTable;
  readonly cryptography: Cryptography;
  readonly nowMs: () => number;
  /** Ends the connections of an agent that is registered no more. */
  readonly onEnded: (agentId: string) => void;
  readonly connectionCountOf: (agentId: string) => number;
};

/** What tunes it. */
export type AgentRegistryOptions = { readonly maxAgents: number; readonly agentTokenDays: number };

/** Who is registered. What it says is kept: it survives a kill. */
export class AgentRegistry implements Accounts {
  readonly kind = "agent";
  readonly #parts: AgentRegistryParts;
  readonly #tokenDays: number;
  readonly #table: StateTable<AgentRecord>;
  /** Agent ids by the hash of their token; made of the table at the first use, when that has been loaded. */
  #idsByHash: Map<string, string> | undefined;
  /** Being registered: their registration is on its way to be kept. */
  readonly #coming = new Set<string>();
  /** Revoked, and perhaps not kept yet. */
  readonly #revoked = new Set<string>();

  constructor(parts: AgentRegistryParts, { maxAgents, agentTokenDays }: AgentRegistryOptions) {
    this.#parts = parts;
    this.#tokenDays = agentTokenDays;
    this.#table = parts.createTable({ name: "agents", maxRecords: maxAgents }, codec);
  }

  get count(): number {
    return this.#table.size;
  }

  *all(): Iterable<{ id: string; registeredAtMs: number; connectionCount: number }> {
    for (const [id, { registeredAtMs }] of this.#table.entries())
      yield { id, registeredAtMs, connectionCount: this.#parts.connectionCountOf(id) };
  }

  /** Whose token this is; undefined: nobody's, or no longer good. */
  agentOf(token: string): string | undefined {
    const id = this.#index().get(this.#parts.cryptography.sha256(token));
    return id === undefined || !this.isRegistered(id) ? undefined : id;
  }

  /** Whether an agent is registered now. */
  isRegistered(id: string): boolean {
    const record = this.#table.get(id);
    return record !== undefined && !this.#revoked.has(id) && !this.#isOver(record);
  }

  /** @param agentId undefined: one is chosen. Resolves when it is kept. */
  async register(agentId: string | undefined): Promise<Registration> {
    const id = agentId ?? this.#freeId();
    if (!AGENT_ID.test(id)) return { refusal: "invalid_agent_id" };
    if (RESERVED.has(id)) return { refusal: "agent_id_reserved" };
    if (this.#coming.has(id) || (this.#table.isTaken(id) && !this.#hasEnded(id))) return { refusal: "agent_id_taken" };
    this.#coming.add(id);
    try {
      return await this.#keep(id);
    } finally {
      this.#coming.delete(id);
    }
  }

  async #keep(id: string): Promise<Registration> {
    const { cryptography, nowMs } = this.#parts;
    const token = `${TOKEN_START}${cryptography.randomText(TOKEN_CHARACTERS)}`;
    const registeredAtMs = nowMs();
    const expiresAtMs = this.#tokenDays === 0 ? undefined : registeredAtMs + this.#tokenDays * DAY_MS;
    const tokenHash = cryptography.sha256(token);
    const before = this.#table.get(id);
    try {
      await this.#table.put(id, { tokenHash, registeredAtMs, expiresAtMs });
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      return { refusal: error.code === "state-full" ? "registry_full" : "registry_unavailable" };
    }
    if (before !== undefined) {
      // Whose id it was must not go on speaking under it.
      this.#index().delete(before.tokenHash);
      this.#parts.onEnded(id);
    }
    this.#index().set(tokenHash, id);
    return { agentId: id, token };
  }

  async revoke(id: string): Promise<void> {
    const record = this.#table.get(id);
    if (record === undefined) return;
    this.#revoked.add(id);
    this.#parts.onEnded(id);
    await this.#table.remove(id);
    this.#index().delete(record.tokenHash);
    this.#revoked.delete(id);
  }

  /** Clears away what has ended. To be called now and then. */
  async clear(): Promise<void> {
    if (this.#tokenDays === 0) return;
    const ended: [string, AgentRecord][] = [];
    for (const entry of this.#table.entries()) {
      const [id, record] = entry;
      // One that is being registered anew takes the place of the old one by itself.
      if (this.#isOver(record) && !this.#coming.has(id) && ended.push(entry) === MAX_CLEARED) break;
    }
    for (const [id] of ended) this.#parts.onEnded(id);
    const removed = await Promise.allSettled(ended.map(([id]) => this.#table.remove(id)));
    for (const [index, [, { tokenHash }]] of ended.entries())
      if (removed[index]?.status === "fulfilled") this.#index().delete(tokenHash);
  }

  /** Whether a key that is taken is so by one that has ended, and is about to be cleared away. */
  #hasEnded(id: string): boolean {
    const record = this.#table.get(id);
    return record !== undefined && this.#isOver(record) && !this.#revoked.has(id);
  }

  #isOver({ expiresAtMs = Number.POSITIVE_INFINITY }: AgentRecord): boolean {
    return this.#parts.nowMs() >= expiresAtMs;
  }

  #freeId(): string {
    for (;;) {
      const id = `agent-${this.#parts.cryptography.randomLetters(AUTO_ID_CHARACTERS)}`;
      if (!this.#table.isTaken(id)) return id;
    }
  }

  #index(): Map<string, string> {
    this.#idsByHash ??= new Map([...this.#table.entries()].map(([id, { tokenHash }]) => [tokenHash, id]));
    return this.#idsByHash;
  }
}

/** Short keys: there are thousands of these. */
const codec: RecordCodec<AgentRecord> = {
  write: ({ tokenHash, registeredAtMs, expiresAtMs }) => ({ tokenHash, registeredAtMs, expiresAtMs }),
  read: (value) => {
    const { tokenHash, registeredAtMs, expiresAtMs } = isJsonObject(value) ? value : {};
    const isRecord =
      typeof tokenHash === "string" &&
      SHA256.test(tokenHash) &&
      typeof registeredAtMs === "number" &&
      (expiresAtMs === undefined || typeof expiresAtMs === "number");
    return isRecord ? { tokenHash, registeredAtMs, expiresAtMs } : undefined;
  },
};
