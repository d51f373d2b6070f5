import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import type { PosternError } from "../../client/errors.ts";
import { listText, signedBytes } from "../../client/relays/signed-list.ts";
import { signedRelays } from "../../client/signed-relays.ts";

const RELAYS = ["wss://a.example.com", "wss://b.example.com"];
const { privateKey } = generateKeyPairSync("ed25519");
const publicKey = rawOf(privateKey);
const HOUR_MS = 3_600_000;

function rawOf(key: KeyObject): string {
  return createPublicKey(key).export({ format: "jwk" }).x ?? "";
}

function signed(list: string, key: KeyObject = privateKey): string {
  return JSON.stringify({ list, signature: sign(null, signedBytes(list), key).toString("base64url") });
}

function fileOf(relays: readonly string[] = RELAYS, expiresAtMs = Date.now() + HOUR_MS, key = privateKey): string {
  return signed(listText({ relays, expiresAtMs }), key);
}

/** Asks a list, and gives what it said and warned of. */
async function ask(
  list: ReturnType<typeof signedRelays>,
): Promise<{ relays: readonly string[]; warnings: readonly string[] }> {
  const warnings: string[] = [];
  const relays = await list({ warn: ({ code }: PosternError) => warnings.push(code) });
  return { relays, warnings };
}

it("gives what the key has signed, in its order", async () => {
  const list = signedRelays({ source: async () => fileOf(), publicKey });

  expect(await ask(list)).toEqual({ relays: RELAYS, warnings: [] });
});

it.each([
  ["signed by another key", fileOf(RELAYS, undefined, generateKeyPairSync("ed25519").privateKey)],
  ["changed", fileOf().replace("a.example", "e.example")],
  [
    "with a signature that is none",
    JSON.stringify({ list: listText({ relays: RELAYS, expiresAtMs: 1 }), signature: "!" }),
  ],
  ["not signed", JSON.stringify({ relays: RELAYS })],
  ["no JSON", "<html>"],
  ["null", "null"],
  ["signed, and no list", signed("[]")],
  ["signed, with a relay that is no text", signed('{"relays":[1],"expiresAt":"2030-01-01T00:00:00Z"}')],
  ["signed, without an end", signed('{"relays":["wss://a.example.com"]}')],
  ["endless", fileOf(Array.from({ length: 5000 }, (_, index) => `wss://relay-${index}.example.com`))],
])("refuses a list that is %s", async (_what, text) => {
  const list = signedRelays({ source: async () => text, publicKey });

  await expect(ask(list)).rejects.toMatchObject({ name: "ConnectError", code: "list-invalid" });
});

it("signs nothing that another use of the key has signed: what is signed has a beginning of its own", async () => {
  const text = listText({ relays: RELAYS, expiresAtMs: Date.now() + HOUR_MS });
  const bare = JSON.stringify({
    list: text,
    signature: sign(null, Buffer.from(text), privateKey).toString("base64url"),
  });

  await expect(ask(signedRelays({ source: async () => bare, publicKey }))).rejects.toMatchObject({
    code: "list-invalid",
  });
});

it("uses a list that has expired, and warns of it", async () => {
  const list = signedRelays({ source: async () => fileOf(RELAYS, Date.now() - 1), publicKey });

  expect(await ask(list)).toEqual({ relays: RELAYS, warnings: ["list-expired"] });
});

it("goes on with the last good one where a newer one is not to be had, or is none, or is older", async () => {
  const older = fileOf(["wss://old.example.com"], Date.now() + HOUR_MS / 2);
  const texts = [fileOf(), undefined, "nonsense", older, fileOf(["wss://new.example.com"], Date.now() + 2 * HOUR_MS)];
  const list = signedRelays({
    source: async () => {
      const text = texts.shift();
      if (text === undefined) throw new Error("away");
      return text;
    },
    publicKey,
  });

  const answers = [await ask(list), await ask(list), await ask(list), await ask(list), await ask(list)];

  expect(answers.map(({ warnings }) => warnings)).toEqual([[], ["unreachable"], ["list-invalid"], [], []]);
  expect(answers.map(({ relays }) => relays)).toEqual([RELAYS, RELAYS, RELAYS, RELAYS, ["wss://new.example.com"]]);
});

it("fetches it, no more of it than a list may have, and says what the server said", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/list") response.end(fileOf());
    else if (request.url === "/long") response.end("x".repeat(1_000_000));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const at = (path: string) => signedRelays({ source: `http://127.0.0.1:${port}${path}`, publicKey });

  expect(await ask(at("/list"))).toEqual({ relays: RELAYS, warnings: [] });
  await expect(ask(at("/long"))).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("too long"),
  });
  await expect(ask(at("/none"))).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("404"),
  });
});

it.each(["", "short", `${"A".repeat(43)}=`, "A".repeat(44)])("refuses the key %s", (key) => {
  expect(() => signedRelays({ source: async () => "", publicKey: key })).toThrow("32 bytes");
});
