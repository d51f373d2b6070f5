import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** The file that a page shows, for registrations that somebody writes by hand. */
function shownFile(page: string): string {
  const [, file = ""] = /```\n(\{"format":"postern-state"[\s\S]*?)```/.exec(readFileSync(page, "utf8")) ?? [];
  return file;
}

/** A relay that finds this file where the pages say that it belongs. */
async function startWith(table: "agents" | "meshes", file: string): Promise<TestRelay> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-pages-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  await mkdir(join(stateDirectory, "accounts"));
  await writeFile(join(stateDirectory, "accounts", `${table}.jsonl`), file);
  return startRelay({ dialects: ["agent", "mesh"], accountStore: "directory", stateDirectory });
}

it("begins with the agents of a file as docs/agent.md shows it, with the hash of the token put in", async () => {
  const token = "tok_of-the-original";
  const hash = createHash("sha256").update(token).digest("hex");
  const relay = await startWith("agents", shownFile("docs/agent.md").replace(/<printf[^>]*>/, hash));

  const agent = await PlainClient.open(relay, `/arc?token=${token}`);

  await eventually(() => expect(agent.heard[0]).toMatch(/"to":\["rawk-042"\],"type":"welcome"/));
});

it("begins with the meshes of a file as docs/mesh.md shows it, with the key of the mesh put in", async () => {
  const key = randomBytes(32).toString("base64");
  const relay = await startWith("meshes", shownFile("docs/mesh.md").replace("<base64 of 32 bytes>", key));

  const stranger = await PlainClient.open(relay, "/mesh/relay/mesh-1f2e3d4c");
  stranger.send('{"type":"join","node_id":"n"}');

  expect(await stranger.closed()).toEqual({ code: 1008, reason: "Token required" });
  expect((await ask(relay, "/mesh/health", {})).body).toContain('"registered_meshes":1');
});
