import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import { InstalledClient } from "../support/installed-client.ts";
import { LineProcess } from "../support/line-process.ts";
import { itBehindWall } from "../support/requires.ts";

const it = itBehindWall();
const MAX_LINES = 60;
const client = new InstalledClient();

beforeAll(async () => {
  await client.install();
  client.copy("examples/hyperswarm-chat", "hyperswarm-chat");
});

afterAll(() => client.remove());

/** Sends a datagram to itself, and says whether it came. */
const UDP_TO_ITSELF = `
const socket = require("node:dgram").createSocket("udp4");
const end = (word) => { process.stdout.write(word); process.exit(); };
socket.on("message", () => end("yes"));
socket.bind(0, "127.0.0.1", () => socket.send("x", socket.address().port, "127.0.0.1", () => undefined));
setTimeout(() => end("no"), 1000);
`;

/** A network of its own in which UDP is dropped, and TCP but to and from port 443. It goes with the test. */
function newWall(): string {
  const name = `postern-wall-${process.pid}`;
  const inside = (...words: readonly string[]): void => {
    execFileSync("ip", ["netns", "exec", name, ...words]);
  };
  execFileSync("ip", ["netns", "add", name]);
  onTestFinished(() => void execFileSync("ip", ["netns", "del", name]));
  inside("ip", "link", "set", "lo", "up");
  for (const side of ["--dport", "--sport"])
    inside("iptables", "-A", "OUTPUT", "-p", "tcp", side, "443", "-j", "ACCEPT");
  inside("iptables", "-A", "OUTPUT", "-j", "DROP");
  return name;
}

/** A program in a network, with the lines that it has printed. */
class Inside {
  readonly lines: string[] = [];
  readonly process: LineProcess;

  constructor(namespace: string, command: readonly string[]) {
    this.process = LineProcess.inNamespace(namespace, command, (line) => this.lines.push(line));
  }

  async printed(pattern: RegExp): Promise<string> {
    await eventually(() => expect(this.lines.join("\n")).toMatch(pattern));
    return pattern.exec(this.lines.join("\n"))?.[1] ?? "";
  }
}

it("chats by a plain swarm with one line changed, where UDP and all ports but 443 are dropped", async () => {
  const wall = newWall();
  const relay = new Inside(wall, ["env", "PORT=443", "HOST=127.0.0.1", process.execPath, "relay/main.ts", "serve"]);
  const fingerprint = await relay.printed(/"fingerprint":"([0-9A-F:]+)"/);
  const chat = (): Inside =>
    new Inside(wall, [
      "env",
      `FINGERPRINT=${fingerprint}`,
      process.execPath,
      join(client.folder, "hyperswarm-chat/chat.js"),
      "wss://127.0.0.1",
      "test",
    ]);

  const [anna, bert] = [chat(), chat()];
  await anna.printed(/is here/);
  await bert.printed(/is here/);
  anna.process.write("hello through the wall");
  await bert.printed(/[0-9a-f]{6}: hello through the wall/);
  bert.process.write("hello back");
  await anna.printed(/[0-9a-f]{6}: hello back/);
});

it("has a wall that drops UDP: what is sent never arrives, and outside of it does", () => {
  const wall = newWall();

  expect(execFileSync("ip", ["netns", "exec", wall, process.execPath, "-e", UDP_TO_ITSELF], { encoding: "utf8" })).toBe(
    "no",
  );
  expect(execFileSync(process.execPath, ["-e", UDP_TO_ITSELF], { encoding: "utf8" })).toBe("yes");
});

it("keeps the example within 60 lines", () => {
  const text = readFileSync("examples/hyperswarm-chat/chat.js", "utf8");

  expect(text.split("\n").length - 1).toBeLessThanOrEqual(MAX_LINES);
});
