import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./eventually.ts";
import type { TestRelay } from "./relay.ts";

/** What stands in a frame beside the payload. */
type Frame = { readonly message_id: string; readonly payload: Readonly<Record<string, unknown>> };

/** 64 hex digits that a test gives a name. */
export function idNamed(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

/** Writes a frame: four bytes of length, then JSON. */
export function frameOf(
  payload: object,
  messageId: string = randomUUID(),
  { length, atSeconds = Math.floor(Date.now() / 1000) }: { readonly length?: number; readonly atSeconds?: number } = {},
): Buffer {
  const envelope = { version: 1, message_id: messageId, timestamp: atSeconds, payload };
  const json = Buffer.from(JSON.stringify(envelope));
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(length ?? json.length);
  return Buffer.concat([prefix, json]);
}

/** Reads a frame, whose length has to be true. */
export function readFrame(bytes: Buffer): Frame {
  expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
  return JSON.parse(bytes.toString("utf8", 4)) as Frame;
}

/** An identity with a key: what it proves itself with. */
export class VauchiIdentity {
  readonly clientId: string;
  readonly #key: KeyObject;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.#key = privateKey;
    this.clientId = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("hex");
  }

  /** The fields of a signed handshake. */
  proof({
    nonce = randomBytes(32),
    seconds = Math.floor(Date.now() / 1000),
  }: {
    readonly nonce?: Buffer;
    readonly seconds?: number;
  } = {}): Readonly<Record<string, unknown>> {
    const signed = Buffer.alloc(40);
    nonce.copy(signed);
    signed.writeBigUInt64BE(BigInt(seconds), 32);
    return {
      client_id: this.clientId,
      identity_public_key: this.clientId,
      nonce: nonce.toString("hex"),
      signature: sign(null, signed, this.#key).toString("hex"),
      timestamp: seconds,
    };
  }
}

/** A client of the mailbox dialect that keeps all it hears. */
export class VauchiClient {
  readonly socket: WebSocket;
  readonly heard: Frame[] = [];
  readonly #closed: Promise<{ readonly code: number; readonly reason: string }>;
  #readCount = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (bytes: Buffer) => this.heard.push(readFrame(bytes)));
    this.#closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
  }

  /** Opens one that has said nothing. It is terminated when the test ends. */
  static async open(
    { url, certificate }: Pick<TestRelay, "url" | "certificate">,
    {
      path = "/vauchi",
      headers = {},
    }: { readonly path?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<VauchiClient> {
    const socket = new WebSocket(`${url}${path}`, { ca: certificate, headers });
    onTestFinished(() => socket.terminate());
    const client = new VauchiClient(socket);
    await once(socket, "open");
    return client;
  }

  /** Opens one whose handshake is done. @param fields beside the type; a name stands for its id. */
  static async meet(
    relay: Pick<TestRelay, "url" | "certificate">,
    fields: string | Readonly<Record<string, unknown>>,
    options: Parameters<typeof VauchiClient.open>[1] = {},
  ): Promise<VauchiClient> {
    const client = await VauchiClient.open(relay, options);
    client.send({ type: "Handshake", ...(typeof fields === "string" ? { client_id: idNamed(fields) } : fields) });
    await client.hears("HandshakeAck");
    return client;
  }

  /** Sends a message. @returns its id. */
  send(payload: object, messageId: string = randomUUID()): string {
    this.socket.send(frameOf(payload, messageId));
    return messageId;
  }

  /** Deposits bytes for the one of this name. @returns the id of the message. */
  deposit(name: string, bytes: readonly number[], more: object = {}): string {
    return this.send({ type: "EncryptedUpdate", recipient_id: idNamed(name), ciphertext: bytes, ...more });
  }

  /** The next message, which has to be of this type. */
  async hears(type: string): Promise<Frame> {
    await eventually(() => expect(this.heard.length).toBeGreaterThan(this.#readCount));
    const frame = this.heard[this.#readCount];
    this.#readCount += 1;
    if (frame?.payload["type"] !== type) throw new Error(`heard ${JSON.stringify(frame)}, not ${type}`);
    return frame;
  }

  /** The status of the next message, an acknowledgement of this id. */
  async acknowledged(messageId: string): Promise<unknown> {
    const { payload } = await this.hears("Acknowledgment");
    expect(payload["message_id"]).toBe(messageId);
    return payload["status"];
  }

  /** Resolves when what was sent before has been answered: by an answer that comes behind. */
  async settled(): Promise<void> {
    const id = this.send({ type: "RecoveryProofQuery", key_hashes: [] });
    await this.hears("RecoveryProofResponse");
    expect(id).not.toBe("");
  }

  closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#closed;
  }
}
