import { expect, it } from "vitest";
import { run } from "../../client/cli/program.ts";
import { exportKeyPairPem, newKeyPair } from "../../client/identity/key-pair.ts";
import { connect } from "../../client/node.ts";
import { HttpProxy } from "../support/http-proxy.ts";
import { JoinScene as Scene } from "../support/join-scene.ts";
import { startRelay } from "../support/relay.ts";
import { writeTemporary } from "../support/tokens.ts";

/** Runs a command against a real relay. */
async function runs(words: readonly string[], input = ""): Promise<{ readonly code: number; readonly scene: Scene }> {
  const scene = new Scene().reading();
  scene.stdin.end(input);
  const { stdin, stdout, stderr, signals } = scene;
  const code = await run(["mailbox", ...words], { env: {}, stdin, stdout, stderr, signals }, connect);
  return { code, scene };
}

it("deposits standard input for a key, and prints what waits in its mailbox, until it is deleted", async () => {
  const { url } = await startRelay({ tls: "off", mailboxStore: "memory" });
  const [owner, sender] = [await newKeyPair(), await newKeyPair()];
  const ownersFile = writeTemporary("owner.pem", await exportKeyPairPem(owner));
  const sendersFile = writeTemporary("sender.pem", await exportKeyPairPem(sender));
  const open = ["open", url, "--key-file", ownersFile];
  const early = await runs(["deposit", url, owner.publicKey], "too early");
  expect([early.code, early.scene.said]).toEqual([1, expect.stringContaining("has not opened it")]);
  expect((await runs(open)).code).toBe(0);

  const first = await runs(["deposit", url, owner.publicKey], "one");
  const second = await runs(["deposit", url, owner.publicKey, "--key-file", sendersFile], "two");
  const asText = await runs(open);
  const asJson = await runs([...open, "--json", "--delete"]);
  const afterwards = await runs(open);

  expect([first.code, second.code, asText.code, asJson.code, afterwards.code]).toEqual([0, 0, 0, 0, 0]);
  expect(first.scene.printed).toMatch(/^[\w-]{22}\n$/);
  expect(asText.scene.printed).toBe("one\ntwo\n");
  const lines = asJson.scene.printed
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(lines).toEqual([
    expect.objectContaining({ text: "one", id: first.scene.printed.trim() }),
    expect.objectContaining({ text: "two", from: sender.publicKey }),
  ]);
  expect(afterwards.scene.printed).toBe("");
});

it("goes by the proxy that it is told", async () => {
  const { url, port } = await startRelay({ tls: "off", mailboxStore: "memory" });
  const proxy = await HttpProxy.start();
  const file = writeTemporary("owner.pem", await exportKeyPairPem(await newKeyPair()));

  expect((await runs(["open", url, "--key-file", file, "--proxy", proxy.url()])).code).toBe(0);

  expect(new Set(proxy.requests.map(({ authority }) => authority))).toEqual(new Set([`localhost:${port}`]));
});

it("says what is wrong with the words, and with a file, before it dials", async () => {
  const key = writeTemporary("key.pem", "no key");
  const address = "ws://127.0.0.1:1";

  for (const words of [
    [],
    ["open"],
    ["open", address],
    ["open", address, "--key-file", key],
    ["open", address, "--key-file", "/nowhere"],
    ["deposit", address],
    ["read", address],
    ["open", address, "--no-such-option"],
  ]) {
    const { code, scene } = await runs(words);
    expect([code, scene.printed]).toEqual([2, ""]);
    expect(scene.said).toMatch(/^postern-client mailbox: .+\nSee postern-client mailbox --help\n$/);
  }
  expect((await runs(["--help"])).scene.printed).toContain("Usage: postern-client mailbox open");
});
