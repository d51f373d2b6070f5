import type { Hub } from "../../hub/hub.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Member } from "../../hub/topic.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { type JsonMessage, readJsonMessage } from "../../json-members.ts";
import { NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import { BytesPayload } from "../../session/payload.ts";
import type { Close, ConnectionLink, SessionConnection } from "../../session/ports.ts";
import { scopedTopicName } from "../../session/topic-scope.ts";
import { messageFrame } from "../../wire/message-frame.ts";
import type { MeshCounts } from "./mesh-counts.ts";
import type { MeshEncoding } from "./mesh-encoding.ts";
import {
  capabilitiesIn,
  requestKeyOf,
  writeAnswer,
  writeBroadcast,
  writeDirect,
  writeMessage,
  writePeers,
  writeRequest,
  writeRouted,
} from "./mesh-messages.ts";
import type { Credential, Mesh, Meshes, MeshNode, NodeFacts } from "./mesh-nodes.ts";

const REPLACED_CLOSE: Close = { code: 1000, reason: "Replaced by new connection" };
const REVOKED_CLOSE: Close = { code: 1008, reason: "Mesh revoked" };
/** So much of a name that nobody has is said again. */
const MAX_ECHOED_CHARACTERS = 128;
/** Types that some clients send to one node, and the original's server passes over. */
const ROUTED: ReadonlySet<unknown> = new Set([
  "inference_request",
  "gossip",
  "intent",
  "route_request",
  "route_response",
  "capability_request",
  "capability_response",
]);

/** What members use. One object for all of them. */
export type MeshMemberParts = {
  readonly hub: Hub;
  readonly meshes: Meshes;
  readonly encoding: MeshEncoding;
  readonly counts: MeshCounts;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly time: { readonly nowMs: number };
};

/** Whose member it is, and as what it was let in. */
export type MeshMemberOwn = {
  readonly peer: Peer<Member>;
  readonly link: Pick<ConnectionLink, "charge">;
  readonly connection: SessionConnection;
  readonly meshId: string;
  readonly meshName: string;
  readonly facts: NodeFacts;
  readonly credential: Credential;
};

/** One node that has been let into its mesh. */
export class MeshMember implements MeshNode {
  readonly credential: Credential;
  readonly #parts: MeshMemberParts;
  readonly #peer: Peer<Member>;
  readonly #link: Pick<ConnectionLink, "charge">;
  readonly #connection: SessionConnection;
  readonly #mesh: Mesh;
  readonly #member: Member;
  #facts: NodeFacts;

  /** Comes in: the others are told, and then the node who they are. @param verdict what a founder hears first of all. */
  constructor(parts: MeshMemberParts, own: MeshMemberOwn, verdict: readonly Uint8Array[]) {
    const { peer, link, connection, meshId, meshName, facts, credential } = own;
    this.#parts = parts;
    this.#peer = peer;
    this.#link = link;
    this.#connection = connection;
    this.#facts = facts;
    this.credential = credential;
    this.#mesh = parts.meshes.enter(meshId, this);
    const welcome = (): Iterable<Uint8Array> => this.#welcome(meshName, verdict);
    const naming = { topicName: scopedTopicName("mesh", meshId), peerId: facts.nodeId, encoding: parts.encoding };
    this.#member = parts.hub.join(peer, naming, welcome);
  }

  get facts(): NodeFacts {
    return this.#facts;
  }

  get peerHandle(): number {
    return this.#member.peerHandle;
  }

  replaced(): void {
    this.#connection.end(REPLACED_CLOSE);
  }

  revoked(): void {
    this.#connection.end(REVOKED_CLOSE);
  }

  /** Goes: the others are told by the hub. Idempotent. */
  leave(): void {
    this.#parts.meshes.leave(this.#mesh, this);
  }

  /** Takes a message, text or bytes. What is none is passed over, as by the original. */
  receive(bytes: Uint8Array): void {
    const message = readJsonMessage(bytes);
    if (message === undefined || !isJsonObject(message.value)) this.#parts.counts.reject("bad-message");
    else if (message.value["type"] === "ping") this.#tell({ type: "pong", timestamp: this.#parts.nowMs() / 1000 });
    else if (this.#connection.access.mayPublish) this.#pass(message, message.value);
    else {
      this.#parts.counts.reject("not-permitted");
      this.#connection.end(NOT_PERMITTED_CLOSE);
    }
  }

  #pass(message: JsonMessage, value: JsonObject): void {
    const { nodeId } = this.#facts;
    const { type } = value;
    switch (type) {
      case "broadcast":
        return this.#publish(writeBroadcast(nodeId, message));
      case "direct":
        return this.#direct(message, value["target"]);
      case "llm_request":
      case "chat_request":
        return this.#request(type, message, value);
      case "llm_response":
        return this.#answer(message, value);
      case "capabilities_update":
        this.#facts = { ...this.#facts, capabilities: capabilitiesIn(value["capabilities"]) };
        return this.#publish(
          writeMessage({ type: "peer_updated", node_id: nodeId, capabilities: this.#facts.capabilities }),
        );
      default:
        if (typeof type === "string" && ROUTED.has(type)) this.#route(type, message, value);
    }
  }

  #direct(message: JsonMessage, target: unknown): void {
    const node = typeof target === "string" ? this.#mesh.node(target) : undefined;
    const name = nameOf(target).slice(0, MAX_ECHOED_CHARACTERS);
    if (node === undefined) this.#tell({ type: "error", message: `Peer ${name} not found` });
    else if (!this.#sendTo(node, writeDirect(this.#facts.nodeId, message)))
      this.#tell({ type: "error", message: `Failed to send to ${name}` });
  }

  #route(type: string, message: JsonMessage, { target, target_node_id: targetNodeId }: JsonObject): void {
    const wanted = target ?? targetNodeId;
    const node = typeof wanted === "string" ? this.#mesh.node(wanted) : undefined;
    if (node !== undefined) this.#sendTo(node, writeRouted(type, this.#facts.nodeId, message));
  }

  #request(type: string, message: JsonMessage, value: JsonObject): void {
    const { counts, time } = this.#parts;
    const { nodeId } = this.#facts;
    counts.requested();
    const requestId = requestKeyOf(value);
    const provider = this.#mesh.providerFor(nodeId, value["target"]);
    this.#mesh.asked(nodeId, requestId, { providerId: provider?.facts.nodeId, atMs: time.nowMs });
    if (provider === undefined) this.#publish(writeRequest("llm_request", nodeId, message));
    else if (!this.#sendTo(provider, writeRequest(type, nodeId, message)))
      this.#tell({ type: "llm_error", request_id: value["request_id"] ?? null, error: "Failed to reach LLM peer" });
  }

  #answer(message: JsonMessage, value: JsonObject): void {
    const { nodeId } = this.#facts;
    const { target } = value;
    const node = typeof target === "string" ? this.#mesh.node(target) : undefined;
    if (node === undefined || typeof target !== "string") return;
    if (this.#mesh.mayAnswer(nodeId, target, requestKeyOf(value))) this.#sendTo(node, writeAnswer(nodeId, message));
    else this.#parts.counts.reject("refused");
  }

  #publish(bytes: Uint8Array): void {
    this.#parts.counts.relayed(this.#mesh.nodeCount - 1);
    this.#parts.hub.publish(this.#member, BytesPayload.verbatim(bytes, "text"));
  }

  /** @returns whether it is on its way. */
  #sendTo(node: MeshNode, bytes: Uint8Array): boolean {
    const { hub, counts } = this.#parts;
    counts.relayed(1);
    // The hub passes a sender over, and here one may send to oneself.
    if (node !== this) return hub.send(this.#member, node.peerHandle, BytesPayload.verbatim(bytes, "text")) === "sent";
    hub.offer(this.#peer, messageFrame("text", bytes));
    return true;
  }

  /** It counts towards what the node may send: little may ask for much. */
  #tell(message: object): void {
    const frame = messageFrame("text", writeMessage(message));
    this.#link.charge({ messageCount: 0, byteCount: frame.length });
    this.#parts.hub.offer(this.#peer, frame);
  }

  *#welcome(meshName: string, verdict: readonly Uint8Array[]): Iterable<Uint8Array> {
    const { id, nodeCount } = this.#mesh;
    for (const bytes of verdict) yield messageFrame("text", bytes);
    yield messageFrame("text", writeMessage({ type: "joined", mesh: meshName, mesh_id: id, node_count: nodeCount }));
    for (const bytes of writePeers(this.#others())) yield messageFrame("text", bytes);
  }

  *#others(): Iterable<NodeFacts> {
    for (const node of this.#mesh.nodes()) if (node !== this) yield node.facts;
  }
}

/** A target as it is said again: `None` is what Python writes for what is not there. */
function nameOf(target: unknown): string {
  if (target === undefined || target === null) return "None";
  return typeof target === "string" ? target : JSON.stringify(target);
}
