import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { CLIENTS_FOLDER } from "../clients/start-client.ts";
import { eventually } from "../support/eventually.ts";
import { InstalledClient } from "../support/installed-client.ts";
import { LineProcess } from "../support/line-process.ts";
import { startRelay } from "../support/relay.ts";
import { itWithClients } from "../support/requires.ts";

const it = itWithClients("javascript");
const client = new InstalledClient();

beforeAll(async () => {
  await client.install();
  client.copy("examples/hyperswarm-chat", "chat");
});

afterAll(() => client.remove());

const RUNTIMES = [
  ["Node", [process.execPath]],
  ["Bun", [join(CLIENTS_FOLDER, "node_modules/bun/bin/bun")]],
  ["Deno", [join(CLIENTS_FOLDER, "node_modules/deno/deno"), "run", "--allow-all", "--node-modules-dir=manual"]],
] as const;

it("lets Node, Bun and Deno chat with each other by the unmodified hyperswarm of npm", async () => {
  const relay = await startRelay({ tls: "off" });
  const chats = RUNTIMES.map(([name, command]) => {
    const lines: string[] = [];
    const program = join(client.folder, "chat/chat.js");
    const run = new LineProcess([...command, program, relay.url, "test"], (line) => lines.push(line));
    return { name, lines, run };
  });
  await eventually(() => {
    for (const { lines } of chats) expect(lines.filter((line) => line.endsWith("is here")).length).toBe(2);
  });

  for (const { name, run } of chats) run.write(`hello from ${name}`);

  await eventually(() => {
    for (const { name, lines } of chats) {
      const others = RUNTIMES.map(([other]) => other).filter((other) => other !== name);
      const heard = lines.filter((line) => line.includes("hello")).map((line) => line.replace(/^\w+: hello from /, ""));
      expect(heard.toSorted()).toEqual(others.toSorted());
    }
  });
});
