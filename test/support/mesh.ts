import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { expect } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { eventually } from "./eventually.ts";
import { PlainClient } from "./plain-client.ts";
import { startRelay, type TestRelay } from "./relay.ts";

type Place = Pick<TestRelay, "url" | "certificate">;
type Fields = Readonly<Record<string, unknown>>;

/** Starts a relay of meshes, which forgets them with the process. */
export function startMeshRelay(options: Partial<Config> = {}): Promise<TestRelay> {
  return startRelay({ dialects: ["mesh"], accountStore: "memory", ...options });
}

/** A key pair as the original's clients have them. */
export type MeshKey = { readonly secret: KeyObject; readonly base64: string; readonly id: string };

export function createMeshKey(): MeshKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    secret: privateKey,
    base64: raw.toString("base64"),
    id: createHash("sha256").update(raw).digest("hex").slice(0, 16),
  };
}

/** A mesh and who founds it: with ids that are those of their keys, as real ones are. */
export class Founder {
  readonly mesh: MeshKey = createMeshKey();
  readonly node: MeshKey = createMeshKey();
  readonly meshId: string;

  constructor(meshId?: string) {
    this.meshId = meshId ?? this.mesh.id;
  }

  /** The first message of the founder, but for what a test changes. */
  registration(changes: Fields = {}): string {
    return JSON.stringify({
      type: "register_mesh",
      mesh_id: this.meshId,
      node_id: this.node.id,
      mesh_public_key: this.mesh.base64,
      founder_proof: this.proofBy(this.node),
      node_public_key: this.node.base64,
      name: "home",
      ...changes,
    });
  }

  proofBy({ secret }: MeshKey, meshId: string = this.meshId): string {
    return sign(null, Buffer.from(meshId), secret).toString("base64");
  }

  /** A token, as an object, but for what a test changes before it is signed. */
  token(changes: Fields = {}, nowMs: number = Date.now()): Fields {
    const issued = Math.trunc(nowMs / 1000);
    const fields = {
      capabilities: ["participant"],
      expires_at: issued + 86_400,
      issued_at: issued,
      issuer_id: this.node.id,
      mesh_id: this.meshId,
      node_id: null,
      nonce: randomBytes(16).toString("hex"),
      ...changes,
    };
    // In the order of the keys, without spaces, and of ASCII alone: what the original's clients sign.
    const signature = sign(null, Buffer.from(JSON.stringify(fields)), this.mesh.secret).toString("base64");
    return { ...fields, signature };
  }
}

/** Opens a connection to a mesh, and says the first thing. */
export async function openNode(relay: Place, meshId: string, first: string | Fields): Promise<PlainClient> {
  const client = await PlainClient.open(relay, `/mesh/relay/${meshId}`);
  client.send(typeof first === "string" ? first : JSON.stringify(first));
  return client;
}

/** The same, and waits until it is in. */
export async function joinMesh(relay: Place, meshId: string, first: string | Fields): Promise<PlainClient> {
  const client = await openNode(relay, meshId, first);
  await eventually(() => expect(typesTo(client)).toContain("peers"));
  return client;
}

/** The founder, in its mesh. */
export function found(relay: Place, founder: Founder): Promise<PlainClient> {
  return joinMesh(relay, founder.meshId, founder.registration());
}

/** What a node was told, parsed. */
export function toldNode(client: PlainClient): readonly Record<string, unknown>[] {
  return client.heard.map((text) => JSON.parse(text) as Record<string, unknown>);
}

/** The types of what it was told. */
export function typesTo(client: PlainClient): readonly unknown[] {
  return toldNode(client).map(({ type }) => type);
}

/** Why a connection was refused: the error, and the close behind it. */
export async function refusalOf(client: PlainClient): Promise<readonly unknown[]> {
  const { code, reason } = await client.closed();
  const [error, ...others] = toldNode(client);
  expect([error?.["type"], others]).toEqual(["error", []]);
  return [error?.["code"], error?.["message"], code, reason];
}

/** The first message of a member. */
export function memberOf(nodeId: string, token: unknown): Fields {
  return { type: "join", node_id: nodeId, token };
}

/** A registered mesh with its founder and one member, who are there. */
export async function startMesh(relay: Place): Promise<{
  readonly founder: Founder;
  readonly first: PlainClient;
  readonly victim: PlainClient;
  readonly token: Fields;
}> {
  const founder = new Founder();
  const token = founder.token();
  const first = await found(relay, founder);
  const victim = await joinMesh(relay, founder.meshId, memberOf("victim", token));
  await eventually(() => expect(typesTo(first)).toContain("peer_joined"));
  return { founder, first, victim, token };
}
