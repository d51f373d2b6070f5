import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { newSecret } from "../../client/sealing/secret.ts";
import { ADDRESS, JoinScene as Scene } from "../support/join-scene.ts";

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "key.pem");
}

it("makes a key file that nobody else reads, and prints the public key of one that is there", async () => {
  const file = newFile();
  const [first, again] = [new Scene().reading(), new Scene().reading()];

  expect(await first.run("key", file)).toBe(0);
  const made = readFileSync(file, "utf8");
  expect(await again.run("key", file)).toBe(0);

  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(made).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(readFileSync(file, "utf8")).toBe(made);
  expect(first.printed).toMatch(/^[\w-]{43}\n$/);
  expect(again.printed).toBe(first.printed);
  expect(first.said + first.printed).not.toContain(made.split("\n")[1]);
});

it("joins as the owner of a key, and shows those that are allowed", async () => {
  const file = newFile();
  const made = new Scene().reading();
  await made.run("key", file);
  const publicKey = made.printed.trim();
  const scene = new Scene({ env: { POSTERN_SECRET: newSecret() } }).reading();
  scene.stdin.end();

  expect(await scene.run("join", ADDRESS, "--key-file", file, "--allow", publicKey)).toBe(0);

  expect(scene.relay.joined?.options?.identity).toMatchObject({ publicKey });
});

it.each([
  ["no file", ["key"], /^postern-client key: Give one word/],
  ["a folder that is not there", ["key", "/nowhere/key.pem"], /^postern-client key: ENOENT/],
  ["a key and a public topic", ["join", ADDRESS, "topic", "--key-file", "/nowhere"], /--key-file goes with a secret/],
  ["a key and a plain topic", ["join", ADDRESS, "topic", "--plain", "--key-file", "/nowhere"], /a plain topic is not/],
  ["a list and no key", ["join", ADDRESS, "topic", "--allow", "x"], /--allow goes with --key-file/],
])("ends with 2, without a dial, where it is told wrongly: %s", async (_, argv, message) => {
  const scene = new Scene().reading();

  expect(await scene.run(...argv)).toBe(2);
  expect(scene.said).toMatch(message);
  expect(scene.relay.address).toBeUndefined();
});
