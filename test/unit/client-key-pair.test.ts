import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { expect, it, vi } from "vitest";
import {
  exportKeyPair,
  exportKeyPairPem,
  importKeyPair,
  importKeyPairPem,
  newKeyPair,
} from "../../client/identity/key-pair.ts";

it("takes the key of RFC 8032, section 7.1, test 1, and gives it back", async () => {
  const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
  const publicKey = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");

  const keys = await importKeyPair(seed);

  expect(keys.publicKey).toBe(publicKey.toString("base64url"));
  expect(Buffer.from(await exportKeyPair(keys))).toEqual(seed);
});

it("writes and reads PEM as openssl has it", async () => {
  const keys = await newKeyPair();
  const pem = await exportKeyPairPem(keys);

  expect(createPrivateKey(pem).asymmetricKeyType).toBe("ed25519");
  expect(createPublicKey(pem).export({ format: "jwk" })).toMatchObject({ x: keys.publicKey });
  expect((await importKeyPairPem(pem)).publicKey).toBe(keys.publicKey);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const theirs = await importKeyPairPem(privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  expect(theirs.publicKey).toBe(publicKey.export({ format: "jwk" })["x"]);
});

it("refuses what is no key, and to export what cannot be", async () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" });
  const invalid = { code: "key-invalid" };

  for (const seed of [new Uint8Array(), new Uint8Array(31), new Uint8Array(33)]) {
    await expect(importKeyPair(seed)).rejects.toMatchObject(invalid);
  }
  for (const text of [
    "",
    "no key",
    other.toString(),
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  ]) {
    await expect(async () => importKeyPairPem(text)).rejects.toMatchObject(invalid);
  }
  const hidden = await newKeyPair({ isExtractable: false });
  await expect(exportKeyPair(hidden)).rejects.toMatchObject(invalid);
  await expect(exportKeyPairPem(hidden)).rejects.toMatchObject(invalid);
});

it("says which runtime it is that lacks Ed25519", async () => {
  const error = Object.assign(new Error("Unrecognized name"), { name: "NotSupportedError" });
  vi.spyOn(crypto.subtle, "generateKey").mockRejectedValue(error);

  await expect(newKeyPair()).rejects.toMatchObject({
    code: "identity-unsupported",
    message: expect.stringContaining(navigator.userAgent),
  });
});
