import { bytesOf, type Fields, idOf, isSeconds } from "./envelope.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Whose connection it is, as its first message says. */
export type HandshakeMessage = {
  readonly type: "Handshake";
  readonly clientId: string;
  readonly deviceId: string | undefined;
  readonly routingToken: string | undefined;
  readonly suppressesPresence: boolean;
  /** `partial`: some of what a proof has, and some not: that is none. */
  readonly proof: "none" | "partial" | Proof;
};

/** What a client signs with: everything in hex, lower case. */
export type Proof = {
  readonly publicKey: string;
  readonly nonce: string;
  readonly signature: string;
  readonly timestamp: number;
};

/** What a client says after the handshake. An id that is undefined is none: the message is answered with `Failed`. */
export type ClientMessage =
  | {
      readonly type: "EncryptedUpdate";
      readonly recipientId: string | undefined;
      readonly senderId: string | undefined;
      readonly ciphertext: Bytes;
    }
  | { readonly type: "Acknowledgment"; readonly messageId: string }
  | {
      readonly type: "DeviceSyncMessage";
      readonly identityId: string | undefined;
      readonly targetDeviceId: string | undefined;
      readonly senderDeviceId: string | undefined;
      readonly encryptedPayload: Bytes;
      readonly version: number;
    }
  | { readonly type: "DeviceSyncAck"; readonly messageId: string }
  | { readonly type: "RecoveryProofStore"; readonly keyHash: string; readonly proofData: Bytes }
  | { readonly type: "RecoveryProofQuery"; readonly keyHashes: readonly string[] }
  | {
      readonly type: "PurgeRequest";
      readonly includesDeviceSync: boolean;
      /** Undefined: none is meant. */
      readonly recoveryKeyHash: string | undefined;
    }
  | {
      readonly type: "AccountRevoked";
      readonly senderId: string | undefined;
      readonly recipientId: string | undefined;
    };

const STATUSES: ReadonlySet<unknown> = new Set(["Stored", "Delivered", "ReceivedByRecipient", "Failed"]);
const SIGNATURE = /^[0-9a-f]{128}$/i;
/** More are not looked for at once. */
const MAX_KEY_HASHES = 64;

/** Reads the payload of a handshake. @returns undefined: it is none, or not as it has to be. */
export function decodeHandshake(payload: Fields): HandshakeMessage | undefined {
  if (payload["type"] !== "Handshake") return undefined;
  const clientId = idOf(payload["client_id"]);
  const deviceId = optionalId(payload["device_id"]);
  const routingToken = optionalId(payload["routing_token"]);
  const { suppress_presence: suppressesPresence = false } = payload;
  const proof = decodeProof(payload);
  if (clientId === undefined || deviceId === null || routingToken === null || proof === undefined) return undefined;
  if (typeof suppressesPresence !== "boolean") return undefined;
  return { type: "Handshake", clientId, deviceId, routingToken, suppressesPresence, proof };
}

/** Reads what a client says. @returns undefined: nothing that the relay has an answer for. */
export function decodeClientMessage(payload: Fields): ClientMessage | undefined {
  const decode = typeof payload["type"] === "string" ? decoders.get(payload["type"]) : undefined;
  return decode?.(payload);
}

const decoders: ReadonlyMap<string, (payload: Fields) => ClientMessage | undefined> = new Map([
  ["EncryptedUpdate", decodeUpdate],
  ["Acknowledgment", decodeAcknowledgment],
  ["DeviceSyncMessage", decodeDeviceSync],
  ["DeviceSyncAck", decodeDeviceSyncAck],
  ["RecoveryProofStore", decodeProofStore],
  ["RecoveryProofQuery", decodeProofQuery],
  ["PurgeRequest", decodePurge],
  ["AccountRevoked", decodeRevoked],
]);

function decodeUpdate(payload: Fields): ClientMessage | undefined {
  const ciphertext = bytesOf(payload["ciphertext"]);
  if (ciphertext === undefined || typeof payload["recipient_id"] !== "string") return undefined;
  const [recipientId, senderId] = [idOf(payload["recipient_id"]), idOf(payload["sender_id"])];
  return { type: "EncryptedUpdate", recipientId, senderId, ciphertext };
}

function decodeAcknowledgment({ message_id: messageId, status }: Fields): ClientMessage | undefined {
  return typeof messageId === "string" && STATUSES.has(status) ? { type: "Acknowledgment", messageId } : undefined;
}

function decodeDeviceSync(payload: Fields): ClientMessage | undefined {
  const { version } = payload;
  const encryptedPayload = bytesOf(payload["encrypted_payload"]);
  if (encryptedPayload === undefined || !isSeconds(version)) return undefined;
  return {
    type: "DeviceSyncMessage",
    identityId: idOf(payload["identity_id"]),
    targetDeviceId: idOf(payload["target_device_id"]),
    senderDeviceId: idOf(payload["sender_device_id"]),
    encryptedPayload,
    version,
  };
}

function decodeDeviceSyncAck({ message_id: messageId, synced_version: version }: Fields): ClientMessage | undefined {
  return typeof messageId === "string" && isSeconds(version) ? { type: "DeviceSyncAck", messageId } : undefined;
}

function decodeProofStore(payload: Fields): ClientMessage | undefined {
  const [keyHash, proofData] = [idOf(payload["key_hash"]), bytesOf(payload["proof_data"])];
  if (keyHash === undefined || proofData === undefined) return undefined;
  return { type: "RecoveryProofStore", keyHash, proofData };
}

function decodeProofQuery({ key_hashes: asked }: Fields): ClientMessage | undefined {
  if (!Array.isArray(asked)) return undefined;
  const keyHashes = asked.slice(0, MAX_KEY_HASHES).map(idOf);
  return { type: "RecoveryProofQuery", keyHashes: keyHashes.filter((hash) => hash !== undefined) };
}

function decodePurge(payload: Fields): ClientMessage | undefined {
  const { include_device_sync: deviceSync = false, include_recovery_proofs: proofs = false } = payload;
  if (typeof deviceSync !== "boolean" || typeof proofs !== "boolean") return undefined;
  const recoveryKeyHash = proofs ? idOf(payload["recovery_key_hash"]) : undefined;
  return { type: "PurgeRequest", includesDeviceSync: deviceSync, recoveryKeyHash };
}

function decodeRevoked(payload: Fields): ClientMessage | undefined {
  const { sender_id: senderId, recipient_id: recipientId, timestamp, signature } = payload;
  if (typeof senderId !== "string" || typeof recipientId !== "string" || !isSeconds(timestamp)) return undefined;
  if (bytesOf(signature) === undefined) return undefined;
  return { type: "AccountRevoked", senderId: idOf(senderId), recipientId: idOf(recipientId) };
}

/** @returns null: it is there, and none. */
function optionalId(value: unknown): string | undefined | null {
  return value === undefined || value === null ? undefined : (idOf(value) ?? null);
}

/** @returns undefined: what is there is not as it has to be. */
function decodeProof(payload: Fields): HandshakeMessage["proof"] | undefined {
  const { identity_public_key: publicKey, nonce, signature, timestamp } = payload;
  const given = [publicKey, nonce, signature, timestamp].filter((value) => value !== undefined && value !== null);
  if (given.length === 0) return "none";
  if (given.length < 4) return "partial";
  const [key, number] = [idOf(publicKey), idOf(nonce)];
  if (key === undefined || number === undefined || !isSeconds(timestamp)) return undefined;
  if (typeof signature !== "string" || !SIGNATURE.test(signature)) return undefined;
  return { publicKey: key, nonce: number, signature: signature.toLowerCase(), timestamp };
}
