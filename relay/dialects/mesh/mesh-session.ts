import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Member } from "../../hub/topic.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { type JsonMessage, readJsonMessage } from "../../json-members.ts";
import { closeFor, NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import type { Cryptography } from "../../session/cryptography.ts";
import type { Close, ConnectionLink, Ending, Session, SessionConnection } from "../../session/ports.ts";
import { scopedTopicName } from "../../session/topic-scope.ts";
import { messageFrame } from "../../wire/message-frame.ts";
import { type FounderClaim, proveFounder } from "./founder-proof.ts";
import { isCompleteToken, type MemberToken, readMemberToken } from "./member-token.ts";
import type { MeshRejection } from "./mesh-counts.ts";
import { MeshMember, type MeshMemberParts } from "./mesh-member.ts";
import { capabilitiesIn, nameIn, shortNameOf, writeMessage } from "./mesh-messages.ts";
import type { Credential } from "./mesh-nodes.ts";
import type { MeshRecord, MeshRegistry, NotKept } from "./mesh-registry.ts";

const MAX_NODE_ID_BYTES = 128;
/** What some clients send before they join: it is taken when they have. */
const MAX_EARLY_MESSAGES = 8;
const MAX_EARLY_BYTES = 4096;
const REGISTERED: Uint8Array = writeMessage({ type: "mesh_registered", success: true });
/** What a node is let in with that has no token. */
const NO_CREDENTIAL: Credential = { nonce: undefined, capabilities: [] };

/** Why a node is not let in: what it is told in a message, and then by the close. */
type Refusal = { readonly code: string; readonly message: string; readonly close: Close; readonly why: MeshRejection };

/** What a node is let in as. */
type Entrant = {
  readonly nodeId: string;
  readonly name: string;
  readonly value: JsonObject;
  readonly isFounder: boolean;
  readonly credential: Credential;
};

/** What the sessions of this dialect use. One object for all of them. */
export type MeshSessionParts = MeshMemberParts & {
  readonly registry: MeshRegistry;
  readonly cryptography: Cryptography;
  /** Takes one registration of the network of an address, if it may have one. */
  readonly mayRegister: (clientAddress: string) => boolean;
};

/** One connection: until it is let in, nothing that it says is known to anybody. */
export class MeshSession implements Session {
  readonly #parts: MeshSessionParts;
  readonly #link: ConnectionLink;
  readonly #connection: SessionConnection;
  readonly #meshId: string;
  readonly #peer: Peer<Member>;
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #node: MeshMember | undefined;
  #isOver = false;

  constructor(parts: MeshSessionParts, link: ConnectionLink, connection: SessionConnection, meshId: string) {
    this.#parts = parts;
    this.#link = link;
    this.#connection = connection;
    this.#meshId = meshId;
    this.#peer = parts.hub.connect(link);
    parts.counts.connected();
  }

  get hasJoined(): boolean {
    return this.#node !== undefined;
  }

  receive(bytes: Uint8Array): void {
    if (this.#isOver || this.#peer.isOver) return;
    this.#parts.counts.received.add(1, bytes.length);
    if (this.#node !== undefined) this.#node.receive(bytes);
    else this.#first(bytes);
  }

  announceRestart(): void {
    // Nodes have no word for it: they see close code 1012, and come back.
  }

  refuseNew(): void {
    // Nor for this: what they send is taken to the end.
  }

  hearOut(): void {
    this.#parts.hub.stopDelivering(this.#peer);
  }

  end(how: Ending): void {
    this.#isOver = true;
    this.#early.length = 0;
    // First, so that nobody is told that it is there.
    this.#node?.leave();
    this.#parts.hub.disconnect(this.#peer, how);
  }

  #first(bytes: Uint8Array): void {
    const message = readJsonMessage(bytes);
    const { access } = this.#connection;
    if (message === undefined || !isJsonObject(message.value)) return this.#endUnheard(FIRST_CLOSE);
    if (!access.isGranted) {
      access.denied();
      return this.#endUnheard(closeFor("missing"), "unauthorized");
    }
    if (!access.mayJoin(`/relay/${this.#meshId}`)) return this.#endUnheard(NOT_PERMITTED_CLOSE, "not-permitted");
    const { value } = message;
    if (value["type"] === "register_mesh") this.#found(value);
    else if (value["type"] === "join" || value["type"] === "register") this.#join(message, value);
    else this.#keepEarly(bytes);
  }

  /** What comes before the join, where there is a mesh to join. */
  #keepEarly(bytes: Uint8Array): void {
    const { registry, meshes } = this.#parts;
    const isMesh = registry.get(this.#meshId) !== undefined || meshes.get(this.#meshId) !== undefined;
    this.#earlyBytes += bytes.length;
    if (!isMesh || this.#early.length >= MAX_EARLY_MESSAGES || this.#earlyBytes > MAX_EARLY_BYTES)
      return this.#endUnheard(FIRST_CLOSE);
    // A copy: the bytes are the link's.
    this.#early.push(Uint8Array.from(bytes));
  }

  #found(value: JsonObject): void {
    const claim = claimIn(this.#meshId, value);
    if (claim === undefined) return this.#refuse(MISSING_FIELDS);
    const { registry, cryptography, mayRegister } = this.#parts;
    const known = registry.get(this.#meshId);
    if (known?.isRevoked) return this.#refuse(registrationFailed("Mesh revoked"));
    const proved = proveFounder(cryptography, claim, known);
    if ("refusal" in proved) return this.#refuse(registrationFailed(proved.refusal));
    const { nodeId } = claim;
    const name = nameIn(value["display_name"], nodeId);
    const entrant: Entrant = { nodeId, name, value, isFounder: true, credential: NO_CREDENTIAL };
    if (known?.founderId === nodeId) return this.#enter(entrant, known, [REGISTERED]);
    if (registry.isTaken(this.#meshId) && known === undefined)
      return this.#refuse(registrationFailed(BUSY, LATER_CLOSE));
    if (!mayRegister(this.#connection.clientAddress)) return this.#refuse(registrationFailed(TOO_MANY, LATER_CLOSE));
    const record = {
      name: nameIn(value["name"], this.#meshId),
      founderId: nodeId,
      founderKey: proved.by === "node-key" ? claim.nodeKey : "",
      meshKey: claim.meshKey,
    };
    void this.#whenKept(registry.register(this.#meshId, record), registrationFailed, () =>
      this.#enter(entrant, registry.get(this.#meshId), [REGISTERED]),
    );
  }

  #join(message: JsonMessage, value: JsonObject): void {
    const nodeId = nodeIdIn(value);
    if (nodeId === undefined) return this.#endUnheard(NO_NODE_ID_CLOSE, "refused");
    const known = this.#parts.registry.get(this.#meshId);
    const { token } = value;
    const entrant = { nodeId, name: nameIn(value["name"], nodeId), value, isFounder: false };
    if (known === undefined) {
      if (isCompleteToken(token)) return this.#refuse(tokenInvalid("Mesh not registered"));
      return this.#enter({ ...entrant, credential: NO_CREDENTIAL }, undefined, []);
    }
    if (known.isRevoked) return this.#refuse(tokenInvalid("Mesh revoked"));
    if (!token) return this.#refuse(TOKEN_REQUIRED);
    const read = readMemberToken(token, message.members.get("token")?.value ?? new Uint8Array(0));
    if (typeof read === "string") return this.#refuse(tokenInvalid(read));
    const wrong = this.#whatIsWrongWith(read, nodeId, known);
    if (wrong !== undefined) return this.#refuse(tokenInvalid(wrong));
    const { nonce, capabilities } = read;
    const member = { ...entrant, isFounder: nodeId === known.founderId, credential: { nonce, capabilities } };
    this.#enterWithToken(member, read, known);
  }

  /** In the original's order, and its words; those that it does not check have their own. */
  #whatIsWrongWith(token: MemberToken, nodeId: string, known: MeshRecord): string | undefined {
    const { registry, cryptography, nowMs, meshes } = this.#parts;
    const { signed, signature, nonce } = token;
    if (nowMs() / 1000 > token.expiresAt) return "Token expired";
    if (token.nodeId !== null && token.nodeId !== nodeId) return "Token bound to different node";
    if (nodeId === known.founderId && token.nodeId !== nodeId) return "Token not bound to the founder";
    if (token.meshId !== this.#meshId) return "Token for another mesh";
    const user = registry.nodeOfNonce(this.#meshId, nonce);
    if (user !== undefined && user !== nodeId) return "Token already used by another device (replay)";
    const publicKey = Buffer.from(known.meshKey, "base64");
    if (!cryptography.isSigned(signed, { publicKey, signature })) return "Invalid token: bad signature";
    const there = meshes.get(this.#meshId)?.node(nodeId)?.credential.nonce;
    // Whoever has an invitation for anybody could else throw anybody out.
    if (there !== undefined && there !== nonce && token.nodeId === null) return "Node is connected with another token";
    return undefined;
  }

  #enterWithToken(entrant: Entrant, { nonce, expiresAt }: MemberToken, known: MeshRecord): void {
    const { registry } = this.#parts;
    const { nodeId } = entrant;
    if (registry.nodeOfNonce(this.#meshId, nonce) === nodeId) return this.#enter(entrant, known, []);
    if (registry.isNonceTaken(this.#meshId, nonce)) return this.#refuse(tokenInvalid(BUSY, LATER_CLOSE));
    const use = { nodeId, expiresAtMs: expiresAt * 1000 };
    void this.#whenKept(registry.useNonce(this.#meshId, nonce, use), tokenInvalid, () =>
      this.#enter(entrant, known, []),
    );
  }

  /** Reads nothing more until something is kept, and goes on then; or says that it is not. Never rejects. */
  async #whenKept(
    keeping: Promise<"kept" | NotKept>,
    refusalOf: (message: string, close: Close) => Refusal,
    goOn: () => void,
  ): Promise<void> {
    this.#link.hold();
    try {
      const outcome = await keeping;
      if (this.#isOver) return;
      this.#link.release();
      if (outcome === "kept") goOn();
      else this.#refuse(refusalOf(outcome === "full" ? FULL : UNAVAILABLE, LATER_CLOSE));
    } catch (error) {
      this.#connection.failed(error);
    }
  }

  /** Lets it in. Whoever is there under its id is replaced now, and not before. */
  #enter(entrant: Entrant, known: MeshRecord | undefined, verdict: readonly Uint8Array[]): void {
    const { hub, meshes, time, nowMs } = this.#parts;
    const { nodeId, name, value, isFounder, credential } = entrant;
    const there = meshes.get(this.#meshId)?.node(nodeId);
    if (there === undefined && hub.isFull(scopedTopicName("mesh", this.#meshId))) return this.#refuse(MESH_FULL);
    if (!meshes.mayJoin(this.#meshId, nodeId, time.nowMs)) return this.#refuse(RATE_LIMITED);
    there?.replaced();
    const { access } = this.#connection;
    access.whenEnded((why) => this.#connection.end(closeFor(why)));
    const capabilities = capabilitiesIn(value["capabilities"]);
    const facts = { nodeId, name, capabilities, isFounder, joinedAt: nowMs() / 1000 };
    const meshName = known?.name ?? shortNameOf(this.#meshId);
    const own = {
      peer: this.#peer,
      link: this.#link,
      connection: this.#connection,
      meshId: this.#meshId,
      meshName,
      facts,
      credential,
    };
    this.#node = new MeshMember(this.#parts, own, verdict);
    this.#connection.joined(`/relay/${this.#meshId}`);
    for (const early of this.#early.splice(0)) if (!this.#isOver) this.#node.receive(early);
  }

  /** Tells it why it is not let in, and then closes. Nobody else hears of it. */
  #refuse({ code, message, close, why }: Refusal): void {
    const { hub, counts } = this.#parts;
    counts.refused(why);
    hub.offer(this.#peer, messageFrame("text", writeMessage({ type: "error", code, message })));
    this.#connection.end(close);
  }

  /** The original has no message for it. */
  #endUnheard(close: Close, why: MeshRejection = "bad-message"): void {
    this.#parts.counts.refused(why);
    this.#connection.end(close);
  }
}

const FIRST_CLOSE: Close = {
  code: CloseCode.policyViolation,
  reason: "First message must be register_mesh or join",
};
const NO_NODE_ID_CLOSE: Close = { code: CloseCode.policyViolation, reason: "node_id required" };
const LATER_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "try again later" };
const BUSY = "Being registered elsewhere now; try again";
const TOO_MANY = "Too many registrations from this network; try again later";
const FULL = "As many are kept as may be";
const UNAVAILABLE = "This cannot be kept now; try again later";

const MISSING_FIELDS: Refusal = {
  code: "MISSING_FIELDS",
  message: "Missing required fields for mesh registration",
  close: { code: CloseCode.policyViolation, reason: "Missing required fields" },
  why: "refused",
};
const TOKEN_REQUIRED: Refusal = {
  code: "TOKEN_REQUIRED",
  message: "This mesh requires a token to join",
  close: { code: CloseCode.policyViolation, reason: "Token required" },
  why: "unauthorized",
};
const MESH_FULL: Refusal = {
  code: "MESH_FULL",
  message: "As many nodes are in this mesh as may be",
  close: { code: CloseCode.tryAgainLater, reason: "topic-full" },
  why: "topic-full",
};
const RATE_LIMITED: Refusal = {
  code: "RATE_LIMITED",
  message: "This node joins too often; try again later",
  close: LATER_CLOSE,
  why: "refused",
};

function registrationFailed(message: string, close?: Close): Refusal {
  const code = "REGISTRATION_FAILED";
  return { code, message, close: close ?? { code: CloseCode.policyViolation, reason: message }, why: "refused" };
}

function tokenInvalid(reason: string, close?: Close): Refusal {
  const said: Close = { code: CloseCode.policyViolation, reason: `Token verification failed: ${reason}` };
  return { code: "TOKEN_INVALID", message: reason, close: close ?? said, why: "unauthorized" };
}

function nodeIdIn({ node_id: nodeId }: JsonObject): string | undefined {
  const isId = typeof nodeId === "string" && nodeId !== "" && Buffer.byteLength(nodeId) <= MAX_NODE_ID_BYTES;
  return isId ? nodeId : undefined;
}

/** Undefined where one of the three is missing that a founder has to give. */
function claimIn(meshId: string, value: JsonObject): FounderClaim | undefined {
  const nodeId = nodeIdIn(value);
  const { mesh_public_key: meshKey, founder_proof: proof, node_public_key: nodeKey } = value;
  if (nodeId === undefined || typeof meshKey !== "string" || typeof proof !== "string") return undefined;
  if (meshKey === "" || proof === "") return undefined;
  return { meshId, nodeId, meshKey, proof, nodeKey: typeof nodeKey === "string" ? nodeKey : "" };
}
