import { isJsonObject } from "../../json.ts";
import type { Accounts } from "../../session/accounts.ts";
import type { Cryptography } from "../../session/cryptography.ts";
import { StateError } from "../../state/ports.ts";
import type { RecordCodec, StateTable, TableOptions } from "../../state/state-table.ts";
import { bytesOf } from "./member-token.ts";

const KEY_BYTES = 32;
/** Used tokens of one mesh that are kept; and of all, beyond which a mesh may have its share of it and no more. */
const MAX_NONCES_PER_MESH = 4096;
const MAX_NONCES = 20_000;
/**
 * A used token is forgotten when it has been too old for this long of the relay's own time: a calendar that is set forward
 * for a while, and back, gives no token to a second node.
 */
const FORGET_AFTER_MS = 3_600_000;

/** What is known of a mesh. */
export type MeshRecord = {
  readonly name: string;
  readonly founderId: string;
  /** The founder's own key; "": it proves itself with that of the mesh. Keys are base64 of 32 bytes. */
  readonly founderKey: string;
  readonly meshKey: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly registeredAtMs: number;
  /** An operator has taken it back: it stays closed. */
  readonly isRevoked: boolean;
};

/** A token that a node has come with. */
type NonceRecord = { readonly nodeId: string; readonly expiresAtMs: number };

/** Makes a table. Given by who keeps it. */
type CreateTable = <T>(options: TableOptions, codec: RecordCodec<T>) => StateTable<T>;

/** What it uses. `monotonicMs`: the relay's own time. */
export type MeshRegistryParts = {
  readonly createTable: CreateTable;
  readonly cryptography: Pick<Cryptography, "sha256">;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** Ends the connections of a mesh that is revoked. */
  readonly onRevoked: (meshId: string) => void;
  readonly connectionCountOf: (meshId: string) => number;
};

/** Why something is not kept. */
export type NotKept = "full" | "unavailable";

/** Which meshes are registered, and which tokens have been used by whom. What it says is kept: it survives a kill. */
export class MeshRegistry implements Accounts {
  readonly kind = "mesh";
  readonly #parts: MeshRegistryParts;
  readonly #meshes: StateTable<MeshRecord>;
  readonly #nonces: StateTable<NonceRecord>;
  /** By mesh, of those that are kept and those on their way; made of the table at the first use, when that is loaded. */
  #nonceCounts: Map<string, number> | undefined;
  /** Since when a used token is too old, on the relay's own time. */
  readonly #oldSince = new Map<string, number>();

  constructor(parts: MeshRegistryParts, { maxMeshes }: { readonly maxMeshes: number }) {
    this.#parts = parts;
    this.#meshes = parts.createTable({ name: "meshes", maxRecords: maxMeshes }, meshCodec);
    this.#nonces = parts.createTable({ name: "nonces", maxRecords: 2 * MAX_NONCES }, nonceCodec);
  }

  get count(): number {
    return this.#meshes.size;
  }

  *all(): Iterable<{ id: string; registeredAtMs: number; connectionCount: number }> {
    for (const [id, { registeredAtMs, isRevoked }] of this.#meshes.entries())
      if (!isRevoked) yield { id, registeredAtMs, connectionCount: this.#parts.connectionCountOf(id) };
  }

  get(meshId: string): MeshRecord | undefined {
    return this.#meshes.get(meshId);
  }

  /** Whether somebody else's registration of this mesh is on its way. */
  isTaken(meshId: string): boolean {
    return this.#meshes.isTaken(meshId);
  }

  /** Resolves when it is kept. */
  async register(meshId: string, record: Omit<MeshRecord, "registeredAtMs" | "isRevoked">): Promise<"kept" | NotKept> {
    const registeredAtMs = this.#meshes.get(meshId)?.registeredAtMs ?? this.#parts.nowMs();
    return kept(this.#meshes.put(meshId, { ...record, registeredAtMs, isRevoked: false }));
  }

  /** It stays closed: else its founder would have it again at once. */
  async revoke(meshId: string): Promise<void> {
    const record = this.#meshes.get(meshId);
    if (record === undefined) return;
    const revoked = this.#meshes.put(meshId, { ...record, isRevoked: true });
    this.#parts.onRevoked(meshId);
    await revoked;
  }

  /** Who has used a token of a mesh; undefined: nobody. */
  nodeOfNonce(meshId: string, nonce: string): string | undefined {
    return this.#nonces.get(this.#nonceKey(meshId, nonce))?.nodeId;
  }

  /** Whether a node's use of a token is on its way to be kept: another one has to come back. */
  isNonceTaken(meshId: string, nonce: string): boolean {
    return this.#nonces.isTaken(this.#nonceKey(meshId, nonce));
  }

  /** Keeps that a node has used a token. @param expiresAtMs of the token. */
  async useNonce(meshId: string, nonce: string, use: NonceRecord): Promise<"kept" | NotKept> {
    const counts = this.#counts();
    const count = counts.get(meshId) ?? 0;
    const share = MAX_NONCES / Math.max(1, this.#meshes.size);
    if (count >= MAX_NONCES_PER_MESH || (this.#nonces.size >= MAX_NONCES && count >= share)) return "full";
    counts.set(meshId, count + 1);
    const outcome = await kept(this.#nonces.put(this.#nonceKey(meshId, nonce), use));
    if (outcome !== "kept") this.#uncount(meshId);
    return outcome;
  }

  /** Forgets the tokens that have been too old for long. To be called now and then. */
  async clear(): Promise<void> {
    const [nowMs, monotonicMs] = [this.#parts.nowMs(), this.#parts.monotonicMs()];
    const forgotten: Promise<void>[] = [];
    for (const [key, { expiresAtMs }] of this.#nonces.entries()) {
      if (nowMs <= expiresAtMs) this.#oldSince.delete(key);
      else if (monotonicMs - this.#markOld(key, monotonicMs) >= FORGET_AFTER_MS) forgotten.push(this.#forget(key));
    }
    // What could not be forgotten is tried again the next time.
    await Promise.allSettled(forgotten);
  }

  #markOld(key: string, monotonicMs: number): number {
    const since = this.#oldSince.get(key) ?? monotonicMs;
    this.#oldSince.set(key, since);
    return since;
  }

  async #forget(key: string): Promise<void> {
    await this.#nonces.remove(key);
    this.#oldSince.delete(key);
    this.#uncount(meshOf(key));
  }

  #uncount(meshId: string): void {
    const left = (this.#counts().get(meshId) ?? 1) - 1;
    if (left > 0) this.#counts().set(meshId, left);
    else this.#counts().delete(meshId);
  }

  #counts(): Map<string, number> {
    if (this.#nonceCounts === undefined) {
      this.#nonceCounts = new Map();
      for (const [key] of this.#nonces.entries())
        this.#nonceCounts.set(meshOf(key), (this.#nonceCounts.get(meshOf(key)) ?? 0) + 1);
    }
    return this.#nonceCounts;
  }

  /** A nonce is a part of a secret: its hash does as well. */
  #nonceKey(meshId: string, nonce: string): string {
    return `${this.#parts.cryptography.sha256(nonce).slice(0, NONCE_DIGITS)} ${meshId}`;
  }
}

/** 128 bits: nobody finds two that are alike. */
const NONCE_DIGITS = 32;

function meshOf(nonceKey: string): string {
  return nonceKey.slice(NONCE_DIGITS + 1);
}

async function kept(change: Promise<void>): Promise<"kept" | NotKept> {
  try {
    await change;
    return "kept";
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return error.code === "state-full" ? "full" : "unavailable";
  }
}

const meshCodec: RecordCodec<MeshRecord> = {
  write: ({ isRevoked, ...record }) => (isRevoked ? { ...record, isRevoked } : record),
  read: (value) => {
    if (!isJsonObject(value)) return undefined;
    const { name, founderId, founderKey, meshKey, registeredAtMs, isRevoked = false } = value;
    const isRecord =
      typeof name === "string" &&
      typeof founderId === "string" &&
      typeof founderKey === "string" &&
      typeof meshKey === "string" &&
      bytesOf(meshKey, KEY_BYTES) !== undefined &&
      typeof registeredAtMs === "number" &&
      typeof isRevoked === "boolean";
    return isRecord ? { name, founderId, founderKey, meshKey, registeredAtMs, isRevoked } : undefined;
  },
};

const nonceCodec: RecordCodec<NonceRecord> = {
  write: (record) => record,
  read: (value) => {
    if (!isJsonObject(value)) return undefined;
    const { nodeId, expiresAtMs } = value;
    return typeof nodeId === "string" && typeof expiresAtMs === "number" ? { nodeId, expiresAtMs } : undefined;
  },
};
