import type { Cryptography } from "../../session/cryptography.ts";
import { bytesOf } from "./member-token.ts";
import type { MeshRecord } from "./mesh-registry.ts";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Real ids, of meshes and of founders, are the first digits of the SHA-256 of a key. */
const ID_DIGITS = 16;
const HASHED_ID = /^[0-9a-f]{16}$/;

/** What a founder says of itself: base64, as it came. */
export type FounderClaim = {
  readonly meshId: string;
  readonly nodeId: string;
  readonly meshKey: string;
  /** "": the proof is by the key of the mesh. */
  readonly nodeKey: string;
  readonly proof: string;
};

/** How a claim was proved, and what refuses it: the sentence that the founder is told. */
export type Proved = { readonly by: "mesh-key" | "node-key" } | { readonly refusal: string };

/**
 * Checks that somebody may found a mesh, or come back as its founder. A proof is a signature over the mesh id, by the key of the
 * mesh; or by a node's own key, where the node's id is of that key. A mesh id that looks like a key's has to be this mesh's.
 * @param known what is registered under this id; undefined: nothing.
 */
export function proveFounder(cryptography: Cryptography, claim: FounderClaim, known: MeshRecord | undefined): Proved {
  const { meshId, nodeId } = claim;
  const meshKey = bytesOf(claim.meshKey, KEY_BYTES);
  const nodeKey = bytesOf(claim.nodeKey, KEY_BYTES);
  const signature = bytesOf(claim.proof, SIGNATURE_BYTES);
  const isSignedBy = (publicKey: Uint8Array | undefined): boolean =>
    publicKey !== undefined &&
    signature !== undefined &&
    cryptography.isSigned(Buffer.from(meshId), { publicKey, signature });
  const idOf = (key: Uint8Array): string => cryptography.sha256(key).slice(0, ID_DIGITS);

  const isOfMeshKey = known === undefined || known.meshKey === claim.meshKey;
  const byMeshKey = isOfMeshKey && isSignedBy(meshKey);
  if (known !== undefined && known.founderId !== nodeId && !byMeshKey)
    return { refusal: "Mesh already registered by different founder" };
  if (meshKey === undefined) return { refusal: "Invalid founder proof: no mesh key" };
  if (!isOfMeshKey) return { refusal: "Invalid founder proof: the mesh has another key" };
  if (HASHED_ID.test(meshId) && idOf(meshKey) !== meshId)
    return { refusal: "Invalid founder proof: the mesh id is of another key" };
  if (byMeshKey) return { by: "mesh-key" };
  const isOwnKey = nodeKey !== undefined && idOf(nodeKey) === nodeId;
  const isBoundKey = known === undefined || known.founderKey === "" || known.founderKey === claim.nodeKey;
  if (isOwnKey && isBoundKey && isSignedBy(nodeKey)) return { by: "node-key" };
  return { refusal: "Invalid founder proof: no signature of the mesh's or the founder's key" };
}
