import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { describe, expect, it } from "vitest";
import { exportKeyPair, importKeyPair, newKeyPair } from "../../client/identity/key-pair.ts";
import { checkedKey, OwnerKeys } from "../../client/mailbox/owner-keys.ts";
import { openDeposit, SEALED_BYTES, SIGNED_SEALED_BYTES, sealDeposit } from "../../client/mailbox/sealed-deposit.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import type { Cryptography } from "../../client/sealing/cryptography.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";

const SALT = "postern-client/1";
const ID = "id-1";
const SEED = Uint8Array.from({ length: 32 }, (_, index) => index);

/** RFC 8410: what stands before the bytes of keys in PKCS #8 and in SPKI. */
const HEADS = {
  ed25519: ["302e020100300506032b657004220420", "302a300506032b6570032100"],
  x25519: ["302e020100300506032b656e04220420", "302a300506032b656e032100"],
} as const;

function privateKeyOf(curve: keyof typeof HEADS, bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from(HEADS[curve][0], "hex"), bytes]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function publicKeyOf(curve: keyof typeof HEADS, bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([Buffer.from(HEADS[curve][1], "hex"), bytes]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

function rawOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(12);
}

/** The owner's X25519 key, as docs/mailbox.md derives it. */
function agreementOf(seed: Uint8Array): KeyObject {
  return privateKeyOf("x25519", new Uint8Array(hkdfSync("sha256", seed, SALT, "mailbox key", 32)));
}

/** The key of one message, as docs/mailbox.md derives it. */
function keyOf(mailbox: Buffer, ownersKey: Buffer, once: Buffer, shared: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from("mailbox\0"), mailbox, ownersKey, once, Buffer.from(ID)]);
  return Buffer.from(hkdfSync("sha256", shared, SALT, info, 32));
}

/** A deposit as docs/mailbox.md writes it, with `node:crypto` alone. @param signer signs it, where there is one. */
function sealedByHand(seed: Uint8Array, data: string, signer?: KeyObject): Buffer {
  const [mailbox, ownersKey] = [rawOf(privateKeyOf("ed25519", seed)), rawOf(agreementOf(seed))];
  const { privateKey } = generateKeyPairSync("x25519");
  const once = rawOf(privateKey);
  const key = keyOf(
    mailbox,
    ownersKey,
    once,
    diffieHellman({ privateKey, publicKey: publicKeyOf("x25519", ownersKey) }),
  );
  const head = Buffer.concat([Buffer.from([1]), once]);
  const signed = Buffer.concat([
    Buffer.from("postern mailbox message\n"),
    mailbox,
    once,
    Buffer.from(`${ID}\n`),
    Buffer.from(data),
  ]);
  const sender =
    signer === undefined ? [Buffer.from([0])] : [Buffer.from([1]), rawOf(signer), sign(null, signed, signer)];
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.alloc(12)).setAAD(head);
  const content = Buffer.concat([...sender, Buffer.from(data)]);
  return Buffer.concat([head, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

describe.each([
  ["node:crypto", new NodeCryptography()],
  ["WebCrypto", new WebCryptography()],
] as [string, Cryptography][])("a deposit, by %s", (_, cryptography) => {
  it("is opened where it was sealed by another program, written from the page", async () => {
    const keys = await OwnerKeys.of(cryptography, await importKeyPair(SEED));
    const signer = generateKeyPairSync("ed25519").privateKey;

    const plain = await openDeposit(cryptography, keys, ID, sealedByHand(SEED, "hello"));
    const signed = await openDeposit(cryptography, keys, ID, sealedByHand(SEED, "hello", signer));

    expect(Buffer.from(plain?.data ?? []).toString()).toBe("hello");
    expect(plain?.from).toBeUndefined();
    expect(signed).toEqual({ data: plain?.data, from: rawOf(signer).toString("base64url") });
  });

  it("can be opened by another program, written from the page", async () => {
    const keys = await OwnerKeys.of(cryptography, await importKeyPair(SEED));
    const sender = await newKeyPair();
    const to = { mailbox: keys.publicKey, key: keys.agreement.publicKey, id: ID };

    const sealed = Buffer.from(await sealDeposit(cryptography, to, Buffer.from("hello"), sender));

    const [once, mailbox] = [sealed.subarray(1, 33), Buffer.from(keys.publicKey, "base64url")];
    const privateKey = agreementOf(SEED);
    const shared = diffieHellman({ privateKey, publicKey: publicKeyOf("x25519", once) });
    const key = keyOf(mailbox, rawOf(privateKey), once, shared);
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.alloc(12), { authTagLength: 16 });
    decipher.setAAD(sealed.subarray(0, 33)).setAuthTag(sealed.subarray(-16));
    const content = Buffer.concat([decipher.update(sealed.subarray(33, -16)), decipher.final()]);
    const text = Buffer.concat([Buffer.from("postern mailbox message\n"), mailbox, once, Buffer.from(`${ID}\nhello`)]);
    const key25519 = publicKeyOf("ed25519", content.subarray(1, 33));
    expect(content.subarray(97).toString()).toBe("hello");
    expect(content.subarray(1, 33).toString("base64url")).toBe(sender.publicKey);
    expect(verify(null, text, key25519, content.subarray(33, 97))).toBe(true);
    expect(sealed.length).toBe(SIGNED_SEALED_BYTES + 5);
  });

  it("is opened by nobody else: under another id, in another mailbox, changed anywhere, or signed by another", async () => {
    const [owner, other] = [await newKeyPair(), await newKeyPair()];
    const keys = await OwnerKeys.of(cryptography, owner);
    const to = { mailbox: keys.publicKey, key: keys.agreement.publicKey, id: ID };
    const sealed = await sealDeposit(cryptography, to, Buffer.from("hello"), other);
    const open = (bytes: Uint8Array, id = ID, by = keys) => openDeposit(cryptography, by, id, bytes);

    expect(await open(sealed)).toMatchObject({ from: other.publicKey });
    expect(await open(sealed, "id-2")).toBeUndefined();
    expect(await open(sealed, ID, await OwnerKeys.of(cryptography, other))).toBeUndefined();
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 128;
      expect(await open(changed)).toBeUndefined();
    }
    for (const length of [0, 1, 32, 33, SEALED_BYTES - 1, sealed.length - 1]) {
      expect(await open(sealed.subarray(0, length))).toBeUndefined();
    }
    const seed = await exportKeyPair(owner);
    const stranger = Buffer.from(other.publicKey, "base64url");
    expect(await open(withSender(seed, stranger))).toBeUndefined();
  });
});

/** What the owner could make of a message to pass it on as another's: sealed well, with a key under which nothing was signed. */
function withSender(seed: Uint8Array, sender: Buffer): Buffer {
  const [mailbox, ownersKey] = [rawOf(privateKeyOf("ed25519", seed)), rawOf(agreementOf(seed))];
  const { privateKey } = generateKeyPairSync("x25519");
  const once = rawOf(privateKey);
  const shared = diffieHellman({ privateKey, publicKey: publicKeyOf("x25519", ownersKey) });
  const head = Buffer.concat([Buffer.from([1]), once]);
  const cipher = createCipheriv("aes-256-gcm", keyOf(mailbox, ownersKey, once, shared), Buffer.alloc(12)).setAAD(head);
  const content = Buffer.concat([Buffer.from([1]), sender, Buffer.alloc(64, 7), Buffer.from("hello")]);
  return Buffer.concat([head, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

it("publishes the same key from every device, signed, and believes no other", async () => {
  const cryptography = new NodeCryptography();
  const [owner, other] = [await newKeyPair(), await newKeyPair()];
  const [phone, laptop] = [
    await OwnerKeys.of(cryptography, owner),
    await OwnerKeys.of(new WebCryptography(), await importKeyPair(await exportKeyPair(owner))),
  ];

  const published = await phone.publication();

  expect(await laptop.publication()).toEqual(published);
  expect(await checkedKey(owner.publicKey, published)).toEqual(phone.agreement.publicKey);
  expect(await checkedKey(other.publicKey, published)).toBeUndefined();
  const ofOther = await (await OwnerKeys.of(cryptography, other)).publication();
  expect(await checkedKey(owner.publicKey, ofOther)).toBeUndefined();
  expect(await checkedKey(owner.publicKey, { ...published, key: ofOther.key })).toBeUndefined();
});
