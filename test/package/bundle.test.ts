import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { expect, it } from "vitest";

/** What a browser may have to load, without the long poll; KB of 1,000 bytes. */
const MAX_GZIPPED_BYTES = 16_000;

it("takes at most 16 KB of a browser, gzipped, with everything that it exports", async () => {
  const { code, exports } = await bundle("client/index.ts");

  expect(exports).toEqual(expect.arrayContaining(["ConnectError", "DeliveryError", "PosternError", "TopicError"]));
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
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
