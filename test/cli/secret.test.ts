import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { newSecret } from "../../client/sealing/secret.ts";
import { topicIdOf } from "../../client/sealing/topic-id.ts";
import { ADDRESS, JoinScene as Scene } from "../support/join-scene.ts";
import { writeTemporary } from "../support/tokens.ts";

it("seals by a secret from a file or the variable, and never says it", async () => {
  const secret = newSecret();
  const byFile = new Scene().reading();
  const byVariable = new Scene({ env: { POSTERN_SECRET: ` ${secret}\n` } }).reading();
  for (const { stdin } of [byFile, byVariable]) stdin.end();

  const exitCodes = await Promise.all([
    byFile.run("join", ADDRESS, "--secret-file", writeTemporary("secret", `${secret}\n`)),
    byVariable.join(),
  ]);

  expect(exitCodes).toEqual([0, 0]);
  expect(byFile.relay.joined?.topic).toEqual({ secret, name: undefined });
  expect(byVariable.relay.joined?.topic).toEqual({ secret, name: "t" });
  for (const { said } of [byFile, byVariable]) {
    expect(said).toContain("* sealed: only who has the secret reads it");
    expect(said).not.toContain(secret);
  }
});

it("refuses a weak secret before it dials, with the number of its bits", async () => {
  const scene = new Scene().reading();

  expect(await scene.run("join", ADDRESS, "--secret-file", writeTemporary("secret", "AAAA\n"))).toBe(2);

  expect(scene.said).toMatch(/secret is too weak.*24 bits/);
  expect(scene.relay.address).toBeUndefined();
});

it("joins a plain topic by its name, whatever secret the variable has", async () => {
  const scene = new Scene({ env: { POSTERN_SECRET: newSecret() } }).reading();
  scene.stdin.end();

  expect(await scene.join("--plain")).toBe(0);
  expect(scene.relay.joined?.topic).toBe("t");
});

it("makes secrets, and tells the topic that one names, also as a hash", async () => {
  const made = new Scene().reading();
  expect(await made.run("secret")).toBe(0);
  expect(made.printed).toMatch(/^[\w-]{43}\n$/);
  const env = { POSTERN_SECRET: made.printed };
  const [id, named, hashed] = [0, 1, 2].map(() => new Scene({ env }).reading());

  expect(await id?.run("topic-id")).toBe(0);
  expect(await named?.run("topic-id", "files")).toBe(0);
  expect(await hashed?.run("topic-id", "--sha256")).toBe(0);

  expect(id?.printed).toBe(`${await topicIdOf(made.printed.trim())}\n`);
  expect(named?.printed).toBe(`${await topicIdOf(made.printed.trim(), { name: "files" })}\n`);
  expect(hashed?.printed).toBe(
    `sha256:${createHash("sha256")
      .update(id?.printed.trim() ?? "")
      .digest("hex")}\n`,
  );
});

it("makes the secret of a passphrase, the same each time", async () => {
  const env = { POSTERN_PASSPHRASE: "correct horse battery staple" };
  const scenes = [new Scene({ env }).reading(), new Scene({ env }).reading()];

  for (const scene of scenes) expect(await scene.run("secret", "--passphrase", "--salt", "our group")).toBe(0);

  expect(scenes[0]?.printed).toMatch(/^[\w-]{43}\n$/);
  expect(scenes[1]?.printed).toBe(scenes[0]?.printed);
});

it.each([
  ["no secret there", ["join", ADDRESS, "--secret-file", "/nowhere"], /^postern-client join: ENOENT/],
  ["a secret and no salt", ["secret", "--passphrase"], /^postern-client secret: --passphrase goes with --salt/],
  ["words behind secret", ["secret", "more"], /^postern-client secret: /],
  ["no secret for an id", ["topic-id"], /^postern-client topic-id: There is no secret/],
])("ends with 2, without a dial, where it is told wrongly: %s", async (_, argv, message) => {
  const scene = new Scene().reading();

  expect(await scene.run(...argv)).toBe(2);
  expect(scene.said).toMatch(message);
  expect([scene.printed, scene.relay.address]).toEqual(["", undefined]);
});
