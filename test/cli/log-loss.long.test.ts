import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { itWithCommands, itWithMounts } from "../support/requires.ts";

const LISTENING = /"port":(\d+)/;
const PLAIN = { TLS: "off", HOST: "127.0.0.1", NODE_ENV: "prod", PORT: "0" };

it("goes on when the reader of its log ends, counts what it loses, and drains when it is told to", async () => {
  const adminPort = await freePort();
  const env = { ...PLAIN, LOG_LEVEL: "debug", ADMIN_PORT: String(adminPort) };
  const relay = new Run(["relay/main.ts"], { env });
  const [, port] = await relay.printed(/"port":(\d+),"memoryBoundMiB"/);
  const first = await open(Number(port));

  relay.closeOutput();
  const second = await open(Number(port));
  await eventually(async () => expect(await lostLines(adminPort)).toBeGreaterThan(0));
  expect([first.readyState, second.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
  relay.signal("SIGTERM");

  expect(await Promise.all([closeCode(first), closeCode(second)])).toEqual([1012, 1012]);
  expect(await relay.exitCode()).toBe(0);
  expect(relay.stderr).toBe("");
});

it("drains on a Ctrl-C that the reader of its log dies of", async () => {
  const port = await freePort();
  const group = spawn("sh", ["-c", '"$0" relay/main.ts | cat >/dev/null', process.execPath], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env["PATH"] ?? "", ...PLAIN, PORT: String(port) },
  });
  const groupId = -(group.pid ?? 0);
  onTestFinished(() => killGroup(groupId));
  const clients: WebSocket[] = [];
  await eventually(async () => void clients.push(await open(port)));

  process.kill(groupId, "SIGINT");

  expect(await Promise.all(clients.map(closeCode))).toEqual([1012]);
});

it("goes on while the reader of its log stands still, and tells what it lost when that reads again", async () => {
  const relay = new Run(["relay/main.ts"], {
    env: { ...PLAIN, ACCESS_LOG: "all", ACCESS_LOG_LINES_PER_SECOND: "1000000" },
  });
  const [, port] = await relay.printed(LISTENING);
  const clients: WebSocket[] = [];
  for (let count = 0; count < 40; count += 1) clients.push(await open(Number(port), "postern.v1"));
  relay.pauseOutput();

  // As many joins and leaves of one connection as are taken at once: some megabytes of lines in all.
  for (const client of clients) {
    for (let count = 0; count < 149; count += 1) {
      client.send('{"type":"join","topic":"t"}');
      client.send('{"type":"leave","topic":"t"}');
    }
    client.send('{"type":"join","topic":"last"}');
    expect(await joined(client, 150)).toBe(150);
  }
  relay.resumeOutput();

  await relay.printed(/"level":"warn".*"lostLines":\d+,"msg":"log lines were lost"/);
  expect(relay.stdout.trim().split("\n").map(messageOf)).toContain("join");
});

itWithMounts()(
  "goes on when the disk of its log is full, and tells what it lost on a line of its own when it is not",
  async () => {
    // The mount is seen in a namespace of its own alone, and gone with it: so what the test looks at is copied out.
    const script = `
    mount -t tmpfs -o size=64k none "$1" || exit 77
    "$0" relay/main.ts >>"$1/log" &
    relay=$!
    until grep -q listening "$1/log"; do sleep 0.1; done
    dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null
    echo full
    read answer
    rm "$1/filler"
    read answer
    kill "$relay"; wait "$relay"
    echo "ended with $?"
    cat "$1/log"`;
    const port = await freePort();
    const adminPort = await freePort();
    const disk = makeFolder();
    const run = spawn(
      "unshare",
      ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, process.execPath, disk],
      {
        stdio: ["pipe", "pipe", "inherit"],
        env: {
          PATH: process.env["PATH"] ?? "",
          ...PLAIN,
          PORT: String(port),
          LOG_LEVEL: "debug",
          ADMIN_PORT: String(adminPort),
        },
      },
    );
    onTestFinished(() => void run.kill("SIGKILL"));
    let output = "";
    run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await eventually(() => expect(output).toContain("full"));

    const first = await open(port);
    // What is left of a page of memory is filled first.
    await eventually(async () => {
      await openAndClose(port);
      expect(await lostLines(adminPort)).toBeGreaterThan(0);
    });
    expect(first.readyState).toBe(WebSocket.OPEN);
    run.stdin.write("\n");
    // The space is there again a moment later; each of these is a line.
    await eventually(async () => {
      await openAndClose(port);
      expect(readFileSync(`/proc/${run.pid}/root${disk}/log`, "utf8")).toContain("log lines were lost");
    });
    const code = closeCode(first);
    run.stdin.write("\n");
    await once(run, "close");

    expect(await code).toBe(1012);
    expect(output).toContain("ended with 0");
    const lines = output.slice(output.indexOf("{")).trim().split("\n");
    const told = lines.find((line) => line.includes("log lines were lost")) ?? "";
    expect(JSON.parse(told)).toMatchObject({ level: "warn", lostLines: expect.any(Number) });
    expect(lines.map((line) => tryMessageOf(line))).toContain("stopped");
  },
);

itWithCommands("logrotate")(
  "goes on in the emptied file after logrotate with copytruncate, as the page shows it",
  async () => {
    const folder = makeFolder();
    const log = join(folder, "relay.log");
    const [, sample = ""] =
      /```text\n(\/var\/log\/postern\/relay\.log \{[\s\S]*?\n\})\n```/.exec(
        readFileSync("docs/operations.md", "utf8"),
      ) ?? [];
    const config = join(folder, "logrotate.conf");
    writeFileSync(config, `${sample.replace("/var/log/postern/relay.log", log)}\n`, { mode: 0o644 });
    const run = new Run(["-c", `exec "${process.execPath}" relay/main.ts >>"${log}"`], {
      command: "sh",
      env: { ...PLAIN, LOG_LEVEL: "debug" },
    });
    await eventually(() => expect(readFileSync(log, "utf8")).toMatch(/"msg":"listening"/));
    const [, port] = /"port":(\d+)/.exec(readFileSync(log, "utf8")) ?? [];

    const rotation = new Run(["--force", "--state", join(folder, "state"), config], { command: "/usr/sbin/logrotate" });
    expect([await rotation.exitCode(), rotation.stderr]).toEqual([0, ""]);
    const client = await open(Number(port));
    run.signal("SIGTERM");

    expect(await closeCode(client)).toBe(1012);
    expect(await run.exitCode()).toBe(0);
    expect(readFileSync(`${log}.1`, "utf8").trim().split("\n").map(messageOf)).toContain("listening");
    expect(readFileSync(log, "utf8").trim().split("\n").map(messageOf)).toEqual([
      "connected",
      "draining",
      "disconnected",
      "stopped",
    ]);
  },
);

it("says that the results of a command could not be written, and is content with a reader that has enough", async () => {
  const full = new Run(["-c", `exec "${process.execPath}" relay/main.ts check-config >/dev/full`], { command: "sh" });
  const enough = new Run(["-c", `"${process.execPath}" relay/main.ts check-config | true`], { command: "sh" });

  expect(await full.exitCode()).toBe(1);
  expect(full.stderr).toMatch(/^postern: the output could not be written: ENOSPC$/m);
  await enough.exitCode();
  expect(enough.stderr).not.toContain("could not be written");
});

async function open(port: number, protocol: string[] | string = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, protocol);
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

async function openAndClose(port: number): Promise<void> {
  const socket = await open(port);
  socket.close();
  await once(socket, "close");
}

async function closeCode(socket: WebSocket): Promise<unknown> {
  const [code] = (await once(socket, "close")) as unknown[];
  return code;
}

function joined(socket: WebSocket, wanted: number): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    socket.on("message", (bytes: Buffer) => {
      if (!bytes.toString().includes('"joined"')) return;
      count += 1;
      if (count === wanted) resolve(count);
    });
  });
}

async function lostLines(adminPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
  return Number(/^relay_log_lines_lost_total (\d+)$/m.exec(await response.text())?.[1]);
}

function messageOf(line: string): unknown {
  return (JSON.parse(line) as { msg: unknown }).msg;
}

/** A line that the full disk has cut off is none. */
function tryMessageOf(line: string): unknown {
  try {
    return messageOf(line);
  } catch {
    return undefined;
  }
}

function killGroup(groupId: number): void {
  try {
    process.kill(groupId, "SIGKILL");
  } catch {
    // It has ended.
  }
}
