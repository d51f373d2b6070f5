import { createHash } from "node:crypto";
import type { NewMessage } from "../../store/mailboxes.ts";
import { StoreError } from "../../store/store-error.ts";
import type { ClientMessage } from "./client-messages.ts";
import type { MailboxLine } from "./mailbox-line.ts";
import { blobsOf, type Client, devicesOf, type MailboxParts } from "./mailbox-parts.ts";
import { writeNote } from "./note.ts";
import type { Sender } from "./presences.ts";

/** What one client may have on its way to the store before it is not read. */
const MAX_UNDER_WAY = 64;
const MAX_UNDER_WAY_BYTES = 1_048_576;
const PROOF_TTL_MS = 90 * 86_400_000;
const PROOF_QUOTA = { maxCount: 100_000, maxBytes: 268_435_456 };
/** A proof is the size of a few signatures. */
const MAX_PROOF_BYTES = 65_536;
/** An answer is no larger than a message may be: as JSON a byte takes up to four. */
const MAX_ANSWER_PROOF_BYTES = 262_144;
/** The original's envelope is some 330 bytes, and comes back as an array of numbers. */
const MAX_REVOCATION_BYTES = 16_384;

type Status = "Stored" | "Failed" | "Delivered";
type Of<Type extends ClientMessage["type"]> = Extract<ClientMessage, { readonly type: Type }>;

/** How a message came: its id, and its frame as it was; good during the call alone. */
type Came = { readonly messageId: string; readonly frame: Uint8Array };

/** Does what a client asks for after its handshake, and answers. */
export class Requests implements Sender {
  readonly #parts: MailboxParts;
  readonly #line: MailboxLine;
  readonly #client: Client;
  #underWayCount = 0;
  #underWayBytes = 0;

  constructor(parts: MailboxParts, line: MailboxLine, client: Client) {
    this.#parts = parts;
    this.#line = line;
    this.#client = client;
  }

  /** @param whileHeld does what takes several steps: nothing is taken of the client meanwhile. */
  take(message: ClientMessage, came: Came, whileHeld: (work: () => Promise<void>) => void): void {
    const { messageId } = came;
    switch (message.type) {
      case "EncryptedUpdate":
        this.#update(message, messageId);
        break;
      case "AccountRevoked":
        this.#revoked(message, came);
        break;
      case "DeviceSyncMessage":
        this.#deviceSync(message, messageId);
        break;
      case "Acknowledgment":
        this.#remove(blobsOf(this.#client.mailbox), message.messageId);
        break;
      case "DeviceSyncAck":
        if (this.#client.deviceId !== undefined) this.#remove(devicesOf(this.#client.clientId), message.messageId);
        break;
      case "RecoveryProofStore":
        this.#answerTo(messageId, message.proofData.length, () => this.#storeProof(message));
        break;
      case "RecoveryProofQuery":
        whileHeld(() => this.#findProofs(message));
        break;
      case "PurgeRequest":
        whileHeld(() => this.#purge(message, messageId));
        break;
    }
  }

  delivered(messageId: string): void {
    // Who does not read its answers is not told: it would have to be kept for it.
    if (this.#line.hasRoom) this.#acknowledge(messageId, "Delivered");
  }

  #update({ recipientId, senderId, ciphertext }: Of<"EncryptedUpdate">, messageId: string): void {
    if (recipientId === undefined) this.#acknowledge(messageId, "Failed");
    else this.#deposit(blobsOf(recipientId), { data: ciphertext, messageId, note: { senderId } });
  }

  /**
   * The recipient gets the whole frame, because the signature is over what is in it. Who revokes an account is not told of the
   * delivery.
   */
  #revoked({ recipientId, senderId }: Of<"AccountRevoked">, { messageId, frame }: Came): void {
    if (recipientId === undefined || frame.length > MAX_REVOCATION_BYTES) this.#acknowledge(messageId, "Failed");
    else {
      const note = { senderId, from: undefined };
      this.#deposit(blobsOf(recipientId), { data: Uint8Array.from(frame), messageId, note });
    }
  }

  #deviceSync(message: Of<"DeviceSyncMessage">, messageId: string): void {
    const { identityId, targetDeviceId, senderDeviceId, encryptedPayload: data, version: rank } = message;
    if (identityId !== this.#client.clientId) this.#parts.reject("refused");
    else if (targetDeviceId === undefined || senderDeviceId === undefined) this.#acknowledge(messageId, "Failed");
    else this.#deposit(devicesOf(identityId), { data, messageId, rank, note: { targetDeviceId, senderDeviceId } });
  }

  #deposit(
    mailbox: string,
    {
      data,
      messageId,
      note,
      rank = 0,
    }: Pick<NewMessage, "data" | "rank"> & {
      readonly messageId: string;
      readonly note: Parameters<typeof writeNote>[0];
    },
  ): void {
    const from = this.#client.mailbox;
    const message = { mailbox, id: blobIdOf(mailbox, from, messageId), data, rank };
    this.#answerTo(messageId, data.length, async () => {
      const { outcome } = await this.#parts.mailboxes.deposit({
        ...message,
        note: writeNote({ from, messageId, ...note }),
      });
      return outcome === "stored" || outcome === "known";
    });
  }

  async #storeProof({ keyHash, proofData: data }: Of<"RecoveryProofStore">): Promise<boolean> {
    if (data.length > MAX_PROOF_BYTES) return false;
    const { store } = this.#parts.mailboxes;
    const nowMs = this.#parts.mailboxes.nowMs();
    const proof = { space: "proofs", name: keyHash, owner: this.#client.clientId, data, nowMs, quota: PROOF_QUOTA };
    return (await store.put({ ...proof, expiresAtMs: nowMs + PROOF_TTL_MS })) === "stored";
  }

  async #findProofs({ keyHashes }: Of<"RecoveryProofQuery">): Promise<void> {
    const { store } = this.#parts.mailboxes;
    const found = await store.find({ space: "proofs", names: keyHashes, nowMs: this.#parts.mailboxes.nowMs() });
    let bytes = 0;
    const proofs = found.filter(({ data }) => {
      bytes += data.length;
      return bytes <= MAX_ANSWER_PROOF_BYTES;
    });
    this.#line.send({
      type: "RecoveryProofResponse",
      proofs: proofs.map(({ name, data }) => ({ key_hash: name, proof_data: [...data] })),
    });
  }

  async #purge({ includesDeviceSync, recoveryKeyHash }: Of<"PurgeRequest">, messageId: string): Promise<void> {
    const { mailboxes } = this.#parts;
    const { clientId, mailbox } = this.#client;
    const blobs = await mailboxes.clear(blobsOf(mailbox));
    const devices = includesDeviceSync ? await mailboxes.clear(devicesOf(clientId)) : 0;
    const proof = { space: "proofs", name: recoveryKeyHash ?? "", owner: clientId };
    const isDropped = recoveryKeyHash !== undefined && (await mailboxes.store.drop(proof));
    const counts = { blobs_deleted: blobs, device_sync_deleted: devices, recovery_proofs_deleted: isDropped ? 1 : 0 };
    this.#line.send({ type: "PurgeResponse", ...counts }, messageId);
  }

  /** Removes a message from the client's own mailbox. Nobody waits for it: what stays is delivered again. */
  #remove(mailbox: string, id: string): void {
    if (id === "" || id.length > 256) return;
    this.#track(0, () => this.#parts.mailboxes.remove({ mailbox, id }));
  }

  #answerTo(messageId: string, bytes: number, work: () => Promise<boolean>): void {
    this.#track(bytes, async () => {
      const isStored = await work().catch(failedOnly);
      this.#acknowledge(messageId, isStored ? "Stored" : "Failed");
    });
  }

  /** Counts what is on its way; the client is not read while that is too much. */
  #track(bytes: number, work: () => Promise<unknown>): void {
    this.#underWayCount += 1;
    this.#underWayBytes += bytes;
    if (this.#underWayCount >= MAX_UNDER_WAY || this.#underWayBytes >= MAX_UNDER_WAY_BYTES)
      this.#line.hold("under way");
    void work()
      .catch(failedOnly)
      .finally(() => {
        this.#underWayCount -= 1;
        this.#underWayBytes -= bytes;
        if (this.#underWayCount < MAX_UNDER_WAY / 2 && this.#underWayBytes < MAX_UNDER_WAY_BYTES / 2)
          this.#line.release("under way");
      });
  }

  #acknowledge(messageId: string, status: Status): void {
    this.#line.send({ type: "Acknowledgment", message_id: messageId, status });
  }
}

/**
 * The id of a message in its mailbox, in the form of a UUID: the same for the same message of the same sender, so that one
 * that is sent again is not stored again.
 */
function blobIdOf(mailbox: string, from: string, messageId: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([mailbox, from, messageId]))
    .digest("hex");
  const [a, b, c, d] = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(13, 16), hash.slice(17, 20)];
  // RFC 9562 section 5.8: version 8, made by a rule of one's own.
  return `${a}-${b}-8${c}-8${d}-${hash.slice(20, 32)}`;
}

/** What the store could not do has not been done. Anything else is a defect. */
function failedOnly(error: unknown): false {
  if (error instanceof StoreError) return false;
  throw error;
}
