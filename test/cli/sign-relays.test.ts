import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { signedRelays } from "../../client/signed-relays.ts";
import { JoinScene as Scene } from "../support/join-scene.ts";
import { writeTemporary } from "../support/tokens.ts";

const RELAYS = ["wss://a.example.com", "wss://b.example.com"];

function newKeyFile(): string {
  return join(mkdtempSync(join(tmpdir(), "sign-relays-")), "relays.pem");
}

const warn = (): void => undefined;

it("makes a key that only its owner reads, and a list that the library takes", async () => {
  const keyFile = newKeyFile();
  const [first, second] = [new Scene().reading(), new Scene().reading()];

  const exitCodes = [
    await first.run("sign-relays", "--key-file", keyFile, "--new-key", ...RELAYS),
    await second.run("sign-relays", "--key-file", keyFile, "--days", "0.00001", "wss://c.example.com"),
  ];

  expect(exitCodes).toEqual([0, 0]);
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  const publicKey = /^public key: ([\w-]{43})$/m.exec(first.said)?.[1] ?? "";
  expect(second.said).toContain(publicKey);
  expect(await signedRelays({ source: async () => first.printed, publicKey })({ warn })).toEqual(
    RELAYS.map((relay) => `${relay}/`),
  );
  expect(await signedRelays({ source: async () => second.printed, publicKey })({ warn })).toHaveLength(1);
});

it("never writes over a key that is there", async () => {
  const keyFile = writeTemporary("relays.pem", "a key");
  const scene = new Scene().reading();

  expect(await scene.run("sign-relays", "--key-file", keyFile, "--new-key", ...RELAYS)).toBe(2);

  expect(scene.said).toContain("EEXIST");
});

it.each([
  ["no relay", ["--key-file", "k"], "1 to 64 addresses"],
  ["an address that is none", ["--key-file", "k", "https://a.example.com"], "wss://"],
  ["no key", ["wss://a.example.com"], "--key-file"],
  ["a key that is not there", ["--key-file", "/nowhere/k", "wss://a.example.com"], "ENOENT"],
  ["days that are none", ["--key-file", "k", "--days", "0", "wss://a.example.com"], "--days"],
])("says what is wrong: %s", async (_what, words, sentence) => {
  const scene = new Scene().reading();

  expect(await scene.run("sign-relays", ...words)).toBe(2);

  expect(scene.said).toContain(sentence);
  expect(scene.printed).toBe("");
});

it("refuses a key of another kind without showing it", async () => {
  const keyFile = writeTemporary("relays.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  const scene = new Scene().reading();

  expect(await scene.run("sign-relays", "--key-file", keyFile, ...RELAYS)).toBe(2);

  expect(scene.said).toContain("not an Ed25519 private key");
  expect(scene.said).not.toContain("AAAA");
});
