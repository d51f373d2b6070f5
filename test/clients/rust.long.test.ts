import { execFile } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { ask } from "../support/ask.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itWithClients } from "../support/requires.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { writeTemporary } from "../support/tokens.ts";
import { VauchiClient } from "../support/vauchi-client.ts";
import { CLIENTS_FOLDER } from "./start-client.ts";

const PROGRAM = join(CLIENTS_FOLDER, "rust/bin/mailbox-client");
/** RFC 8410: what stands before the bytes of an Ed25519 key in PKCS #8. */
const PRIVATE_PREFIX = "302e020100300506032b657004220420";
const SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const it = itWithClients("rust");

/** Runs it to its end. @returns what it has printed. */
async function run(relay: TestRelay, noiseKey: readonly string[]): Promise<readonly string[]> {
  const env = { ...process.env, CA_FILE: writeTemporary("certificate.pem", sharedCertificate().certificate) };
  const { stdout } = await promisify(execFile)(PROGRAM, [`${relay.url}/vauchi`, SEED, ...noiseKey], { env });
  return stdout.trimEnd().split("\n");
}

/** A message of another client for the owner. */
async function depositBefore(relay: TestRelay): Promise<void> {
  const key = createPrivateKey({ key: Buffer.from(PRIVATE_PREFIX + SEED, "hex"), format: "der", type: "pkcs8" });
  const owner = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(12).toString("hex");
  const sender = await VauchiClient.meet(relay, "sender");
  const id = sender.send({ type: "EncryptedUpdate", recipient_id: owner, ciphertext: [9] });
  expect(await sender.acknowledged(id)).toBe("Stored");
}

it.each([
  ["in the clear", false],
  ["by Noise", true],
])("serves a client in Rust, written from the contract alone, over TLS: %s", async (how, isNoise) => {
  const relay = await startRelay({
    dialects: ["topic", "mailbox"],
    mailboxStore: "sqlite",
    mailboxDirectory: await storeDirectory(),
  });
  await depositBefore(relay);
  const noiseKey = isNoise ? [(await ask(relay, "/vauchi/pubkey", {})).body] : [];

  expect(await run(relay, noiseKey)).toEqual([
    `met, ${how}`,
    "deposit Stored",
    "deposit Stored",
    "deposit Stored",
    `met, ${how}`,
    "delivered 09",
    "delivered 0101",
    "delivered 0202",
    "delivered ff00",
    `met, ${how}`,
    "still there ff00",
    "purged 1",
    "without a signature 1008 signature required",
  ]);
});
