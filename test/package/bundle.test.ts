import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { expect, it } from "vitest";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { tableRows } from "../support/table-rows.ts";

/** The most that each may take: bytes, gzipped, as the documentation says. */
const [FIRST = 0, FIRST_WITH_MORE = 0, TOPICS = 0, POLL = 0, ONE_FILE = 0, STREAMS = 0, IDENTITY = 0, MAILBOX = 0] =
  tableRows("docs/client.md", "### What a page loads").map(([, kilobytes]) => Math.round(Number(kilobytes) * 1000));

/** As most apps begin. */
const APP = 'import { connect } from "postern-client"; globalThis.relay = connect("wss://relay.test");';

it("loads in a page at first no more than it says, and topics and polls in two files more", async () => {
  const chunks = await bundle(APP, { codeSplitting: true });
  const [first, ...others] = chunks;
  const [topics, poll] = ["onJoined", "octet-stream"].map((text) => others.find(({ code }) => code.includes(text)));

  expect(chunks.map(({ code }) => code).join("")).toContain(SUBPROTOCOL_V1);
  // Nothing but these three: another file would be another request.
  expect(first?.imports).toEqual([]);
  expect(new Set(first?.dynamicImports)).toEqual(new Set([topics?.fileName, poll?.fileName]));
  expect(others).toHaveLength(2);
  expect([topics, poll].map((chunk) => chunk?.imports)).toEqual([[first?.fileName], [first?.fileName]]);
  expect(sizeOf(first)).toBeLessThanOrEqual(FIRST);
  expect(sizeOf(topics)).toBeLessThanOrEqual(TOPICS);
  expect(sizeOf(poll)).toBeLessThanOrEqual(POLL);
});

it.each(["streams", "identity", "mailbox"])("loads no more than it says at first with %s", async (entry) => {
  const more = `export * from ${JSON.stringify(resolve(`client/${entry}.ts`))};`;

  const [first] = await bundle(`${APP} ${more}`, { codeSplitting: true });

  expect(sizeOf(first)).toBeLessThanOrEqual(FIRST_WITH_MORE);
  expect(sizeOf(first)).toBeGreaterThan(FIRST);
});

it("takes no more than it says in one file, with everything that it exports", async () => {
  const chunk = await inOneFile("client/index.ts");
  const { code, exports } = chunk;

  expect(exports).toContain("connect");
  // The real one: whatever dials a relay asks for this.
  expect(code).toContain(SUBPROTOCOL_V1);
  expect(sizeOf(chunk)).toBeLessThanOrEqual(ONE_FILE);
});

it("takes no more than it says with streams, which the rest does without", async () => {
  const core = await inOneFile("client/index.ts");
  const both = await inOneFile("client/index.ts", "client/streams.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "streamsOf"]));
  expect(sizeOf(both) - sizeOf(core)).toBeLessThanOrEqual(STREAMS);
  expectAlone(both);
  expect([both.code, core.code].map((code) => code.includes("ReadableStream"))).toEqual([true, false]);
});

it("takes no more than it says with identity, which the rest does without", async () => {
  const core = await inOneFile("client/index.ts", "client/streams.ts");
  const both = await inOneFile("client/index.ts", "client/streams.ts", "client/identity.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "identityOf", "connectTo"]));
  expect(sizeOf(both) - sizeOf(core)).toBeLessThanOrEqual(IDENTITY);
  expectAlone(both);
  expect([both.code, core.code].map((code) => code.includes("pkcs8"))).toEqual([true, false]);
});

it("takes no more than it says with mailboxes, which the rest does without", async () => {
  const core = await inOneFile("client/index.ts");
  const both = await inOneFile("client/index.ts", "client/mailbox.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "mailboxesOf"]));
  expect(sizeOf(both) - sizeOf(core)).toBeLessThanOrEqual(MAILBOX);
  expectAlone(both);
  expect([both.code, core.code].map((code) => code.includes("find-key"))).toEqual([true, false]);
});

it("exports the same names on Node and Bun, and a connect of its own there", async () => {
  const elsewhere = await import("../../client/index.ts");

  for (const own of [await import("../../client/node.ts"), await import("../../client/bun/index.ts")]) {
    expect(Object.keys(own)).toEqual(Object.keys(elsewhere));
    expect(own.connect).not.toBe(elsewhere.connect);
  }
});

it("asks for nothing that only Node has", async () => {
  expectAlone(await inOneFile("client/index.ts"));
});

it("would find what only Node has", async () => {
  const { imports } = await inOneFile("client/cli/join.ts");

  expect(imports).toContain("node:fs/promises");
});

function sizeOf(chunk: OutputChunk | undefined): number {
  return gzipSync(chunk?.code ?? "", { level: 9 }).length;
}

/** It needs no other file, and nothing of Node's. */
function expectAlone({ code, fileName, imports, dynamicImports }: OutputChunk): void {
  expect([...imports, ...dynamicImports].filter((name) => name !== fileName)).toEqual([]);
  expect(code.match(/\bnode:|\b(Buffer|process|require|setImmediate)\b|\bimport\(/)).toBeNull();
}

/** All that these files export, together. */
async function inOneFile(...inputs: readonly string[]): Promise<OutputChunk> {
  const exports = inputs.map((input) => `export * from ${JSON.stringify(resolve(input))};`).join("\n");
  const [chunk] = await bundle(exports, { codeSplitting: false });
  if (chunk === undefined) throw new Error("nothing was made");
  return chunk;
}

/** What an app's bundler makes of it for a browser: the file to load first, and those that this one loads. */
async function bundle(app: string, output: { readonly codeSplitting: boolean }): Promise<OutputChunk[]> {
  const resolved = new Map([
    ["app", "app"],
    ["postern-client", resolve("client/index.ts")],
  ]);
  const build = await rolldown({
    input: "app",
    platform: "browser",
    external: /^node:/,
    logLevel: "silent",
    // As bundlers of pages have it: what several files need is in the first one.
    preserveEntrySignatures: output.codeSplitting ? "allow-extension" : "strict",
    plugins: [{ name: "app", resolveId: (id) => resolved.get(id) ?? null, load: (id) => (id === "app" ? app : null) }],
  });
  const made = await build.generate({ format: "esm", minify: true, ...output });
  await build.close();
  return made.output.filter((file) => file.type === "chunk").toSorted((a, b) => Number(b.isEntry) - Number(a.isEntry));
}
