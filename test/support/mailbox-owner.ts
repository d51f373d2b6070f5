import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { expect } from "vitest";
import { mailboxProofText } from "../../protocol/v1-mailbox-messages.ts";
import type { Client, Received } from "./client.ts";

/** A mailbox of `postern.v1` and its key. */
export class Owner {
  readonly mailbox: string;
  readonly #key: KeyObject;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.#key = privateKey;
    this.mailbox = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64url");
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64url");
  }

  /** Asks for the challenge and answers it. @returns what the relay says to that. */
  async open(client: Client, cursor?: number, more: object = {}): Promise<Received> {
    client.send({ type: "open-mailbox", mailbox: this.mailbox, cursor, ref: 1, ...more });
    const challenge = await client.next();
    expect(challenge).toMatchObject({ type: "challenge", mailbox: this.mailbox, host: "localhost", ref: 1 });
    client.send({ type: "prove", mailbox: this.mailbox, signature: this.answerTo(challenge), ref: 2 });
    return client.next();
  }

  /** The signature that a challenge asks for. */
  answerTo({ host, nonce }: Received): string {
    return this.sign(mailboxProofText(this.mailbox, { host: String(host), nonce: String(nonce) }));
  }
}
