import { TokenBucket } from "../../limits/token-bucket.ts";

const MINUTE_SECONDS = 60;
/** Requests of a mesh whose answer may still come, for each node that is there; and for how long. */
const MAX_REQUESTS_PER_NODE = 16;
const REQUEST_TIMEOUT_MS = 3_600_000;

/** What the others know of a node. */
export type NodeFacts = {
  readonly nodeId: string;
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly isFounder: boolean;
  /** Seconds since the epoch. */
  readonly joinedAt: number;
};

/** What a node came with. */
export type Credential = {
  /** The token's; undefined: none, in an open mesh, or a founder's proof. */
  readonly nonce: string | undefined;
  /** What the token permits; empty without one. */
  readonly capabilities: readonly string[];
};

/** One node that is connected. Implemented by mesh-session.ts. */
export interface MeshNode {
  readonly facts: NodeFacts;
  /** Its handle in the hub's topic of the mesh. */
  readonly peerHandle: number;
  readonly credential: Credential;
  /** The same node is back on another connection. */
  replaced(): void;
  /** The mesh is revoked. */
  revoked(): void;
}

/** A request that was passed on: who may answer it. */
type OpenRequest = {
  /** Undefined: it went to all. */
  readonly providerId: string | undefined;
  readonly atMs: number;
};

/** The nodes of one mesh that are connected, in join order, and the requests among them. */
export class Mesh {
  readonly id: string;
  readonly #nodes = new Map<string, MeshNode>();
  readonly #requests = new Map<string, OpenRequest>();

  constructor(id: string) {
    this.id = id;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** In join order. A view. */
  nodes(): Iterable<MeshNode> {
    return this.#nodes.values();
  }

  node(nodeId: string): MeshNode | undefined {
    return this.#nodes.get(nodeId);
  }

  /** The meshes' alone. */
  add(node: MeshNode): void {
    this.#nodes.set(node.facts.nodeId, node);
  }

  /** The meshes' alone. @returns whether it was this one that is connected under its id. */
  remove(node: MeshNode): boolean {
    return this.#nodes.get(node.facts.nodeId) === node && this.#nodes.delete(node.facts.nodeId);
  }

  /**
   * Who is to answer a request: a founder, or else whose token permits it, or else whoever says that it can; of several the
   * one that joined first. Undefined: nobody can.
   * @param wanted an id that the request names, if any: taken where that node can.
   */
  providerFor(nodeId: string, wanted: unknown): MeshNode | undefined {
    let found: MeshNode | undefined;
    let foundRank = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes.values()) {
      if (node.facts.nodeId === nodeId || !node.facts.capabilities.some(isProviding)) continue;
      if (node.facts.nodeId === wanted) return node;
      const rank = node.facts.isFounder ? 0 : node.credential.capabilities.some(isProviding) ? 1 : 2;
      if (rank < foundRank) [found, foundRank] = [node, rank];
    }
    return found;
  }

  /** A request has been passed on. @param requestId as it is written. */
  asked(requesterId: string, requestId: string, request: OpenRequest): void {
    this.#requests.delete(keyOf(requesterId, requestId));
    this.#requests.set(keyOf(requesterId, requestId), request);
    const maxCount = MAX_REQUESTS_PER_NODE * this.#nodes.size;
    for (const oldest of this.#requests.keys()) {
      if (this.#requests.size <= maxCount) return;
      this.#requests.delete(oldest);
    }
  }

  /** Whether this node may answer this request of another. */
  mayAnswer(providerId: string, requesterId: string, requestId: string): boolean {
    const request = this.#requests.get(keyOf(requesterId, requestId));
    return request !== undefined && (request.providerId ?? providerId) === providerId;
  }

  /** The meshes' alone. */
  forgetRequests(beforeMs: number): void {
    for (const [key, { atMs }] of this.#requests) {
      if (atMs > beforeMs) return;
      this.#requests.delete(key);
    }
  }
}

/** As the original's server has it. */
function isProviding(capability: string): boolean {
  return capability === "llm" || capability === "chat" || capability.includes("llamafarm");
}

function keyOf(requesterId: string, requestId: string): string {
  return JSON.stringify([requesterId, requestId]);
}

/** All meshes that have nodes connected, and how often each node joins. */
export class Meshes {
  readonly #joinsPerMinute: number;
  readonly #byId = new Map<string, Mesh>();
  /** Of nodes that have joined lately: those whose bucket is full again are forgotten. */
  readonly #joins = new Map<string, TokenBucket>();
  #nodeCount = 0;

  /** @param joinsPerMinute of one node; 0: no limit. */
  constructor(joinsPerMinute: number) {
    this.#joinsPerMinute = joinsPerMinute;
  }

  get count(): number {
    return this.#byId.size;
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** The mesh of this id while it has nodes. */
  get(meshId: string): Mesh | undefined {
    return this.#byId.get(meshId);
  }

  /** Takes a join of a node, if it may have one. @param nowMs monotonic. */
  mayJoin(meshId: string, nodeId: string, nowMs: number): boolean {
    if (this.#joinsPerMinute === 0) return true;
    const key = JSON.stringify([meshId, nodeId]);
    const rate = { perSecond: this.#joinsPerMinute / MINUTE_SECONDS, burst: this.#joinsPerMinute };
    const bucket = this.#joins.get(key) ?? new TokenBucket(rate, nowMs);
    this.#joins.set(key, bucket);
    return bucket.tryTake(nowMs);
  }

  /** A node is connected. Whoever was there under its id has to be gone. */
  enter(meshId: string, node: MeshNode): Mesh {
    const mesh = this.#byId.get(meshId) ?? new Mesh(meshId);
    this.#byId.set(meshId, mesh);
    mesh.add(node);
    this.#nodeCount += 1;
    return mesh;
  }

  /** Idempotent. */
  leave(mesh: Mesh, node: MeshNode): void {
    if (!mesh.remove(node)) return;
    this.#nodeCount -= 1;
    if (mesh.nodeCount === 0) this.#byId.delete(mesh.id);
  }

  /** Ends all connections of a mesh. */
  revoke(meshId: string): void {
    for (const node of this.#byId.get(meshId)?.nodes() ?? []) node.revoked();
  }

  /** Forgets what is over. To be called now and then. */
  lookAround(nowMs: number): void {
    for (const [key, bucket] of this.#joins) {
      bucket.fill(nowMs);
      if (bucket.fullness >= 1) this.#joins.delete(key);
    }
    for (const mesh of this.#byId.values()) mesh.forgetRequests(nowMs - REQUEST_TIMEOUT_MS);
  }
}
