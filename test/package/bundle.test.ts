import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { expect, it } from "vitest";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";

/** What a browser may have to load, without the long poll. The aim is 16,000: what is there now is to get no larger. */
const MAX_GZIPPED_BYTES = 26_200;

it("takes at most 26.2 KB of a browser, gzipped, with everything that it exports", async () => {
  const { code, exports } = await bundle("client/index.ts");

  expect(exports).toContain("connect");
  // The real one: whatever dials a relay asks for this.
  expect(code).toContain(SUBPROTOCOL_V1);
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
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

/** What an app's bundler makes of this file for a browser. */
async function bundle(input: string): Promise<OutputChunk> {
  const build = await rolldown({ input, platform: "browser", external: /^node:/, logLevel: "silent" });
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  await build.close();
  return output[0];
}
