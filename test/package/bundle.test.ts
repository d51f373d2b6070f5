import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { expect, it } from "vitest";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";

/**
 * What a browser may have to load. 4,100 of it are the long poll, which has to be there before anybody knows that it is needed. The
 * aim is 16,000 without it: what is there now is to get no larger.
 */
const MAX_GZIPPED_BYTES = 32_000;
/** What streams add to that. */
const MAX_STREAMS_BYTES = 4600;
/** What members that prove who they are add. */
const MAX_IDENTITY_BYTES = 4000;
/** What mailboxes add, with key pairs. */
const MAX_MAILBOX_BYTES = 5500;

it("takes at most 32.0 KB of a browser, gzipped, with everything that it exports", async () => {
  const { code, exports } = await bundle("client/index.ts");

  expect(exports).toContain("connect");
  // The real one: whatever dials a relay asks for this.
  expect(code).toContain(SUBPROTOCOL_V1);
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
});

it("takes at most 4.6 KB more with streams, which the rest does without", async () => {
  const core = await bundle("client/index.ts");
  const both = await bundle("client/index.ts", "client/streams.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "streamsOf"]));
  expect(gzipSync(both.code, { level: 9 }).length - gzipSync(core.code, { level: 9 }).length).toBeLessThanOrEqual(
    MAX_STREAMS_BYTES,
  );
  expect(both.imports.concat(both.dynamicImports)).toEqual([]);
  expect(both.code).not.toMatch(/\bnode:|\b(Buffer|process|require|setImmediate)\b/);
  expect([both.code, core.code].map((code) => code.includes("ReadableStream"))).toEqual([true, false]);
});

it("takes at most 4.0 KB more with identity, which the rest does without", async () => {
  const core = await bundle("client/index.ts", "client/streams.ts");
  const both = await bundle("client/index.ts", "client/streams.ts", "client/identity.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "identityOf", "connectTo"]));
  expect(gzipSync(both.code, { level: 9 }).length - gzipSync(core.code, { level: 9 }).length).toBeLessThanOrEqual(
    MAX_IDENTITY_BYTES,
  );
  expect(both.imports.concat(both.dynamicImports)).toEqual([]);
  expect(both.code).not.toMatch(/\bnode:|\b(Buffer|process|require|setImmediate)\b/);
  expect([both.code, core.code].map((code) => code.includes("pkcs8"))).toEqual([true, false]);
});

it("takes at most 5.5 KB more with mailboxes, which the rest does without", async () => {
  const core = await bundle("client/index.ts");
  const both = await bundle("client/index.ts", "client/mailbox.ts");

  expect(both.exports).toEqual(expect.arrayContaining(["connect", "mailboxesOf"]));
  expect(gzipSync(both.code, { level: 9 }).length - gzipSync(core.code, { level: 9 }).length).toBeLessThanOrEqual(
    MAX_MAILBOX_BYTES,
  );
  expect(both.imports.concat(both.dynamicImports)).toEqual([]);
  expect(both.code).not.toMatch(/\bnode:|\b(Buffer|process|require|setImmediate)\b/);
  expect([both.code, core.code].map((code) => code.includes("find-key"))).toEqual([true, false]);
});

it("exports the same names on Node, and a connect of its own there", async () => {
  const elsewhere = await import("../../client/index.ts");
  const onNode = await import("../../client/node.ts");

  expect(Object.keys(onNode)).toEqual(Object.keys(elsewhere));
  expect(onNode.connect).not.toBe(elsewhere.connect);
});

it("asks for nothing that only Node has", async () => {
  const { code, imports, dynamicImports } = await bundle("client/index.ts");

  expect([...imports, ...dynamicImports]).toEqual([]);
  expect(code.match(/\bnode:|\b(Buffer|process|require|setImmediate)\b/)).toBeNull();
});

it("would find what only Node has", async () => {
  const { imports } = await bundle("client/cli/join.ts");

  expect(imports).toContain("node:fs/promises");
});

/** What an app's bundler makes of these files, together, for a browser. */
async function bundle(...inputs: readonly string[]): Promise<OutputChunk> {
  const app = inputs.map((input) => `export * from ${JSON.stringify(resolve(input))};`).join("\n");
  const build = await rolldown({
    input: "app",
    platform: "browser",
    external: /^node:/,
    logLevel: "silent",
    plugins: [
      { name: "app", resolveId: (id) => (id === "app" ? id : null), load: (id) => (id === "app" ? app : null) },
    ],
  });
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  await build.close();
  return output[0];
}
