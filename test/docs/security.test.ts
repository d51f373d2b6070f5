import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readGrant } from "../../relay/auth/grant.ts";
import { Revocations } from "../../relay/auth/revocations.ts";
import { TEST_TIMEOUT_MS } from "../support/patience.ts";
import { Run } from "../support/process.ts";

/** Six programs that start one after the other, beside other tests. */
const SIX_PROGRAMS_TIMEOUT_MS = 4 * TEST_TIMEOUT_MS;

const page = readFileSync("docs/security.md", "utf8");

it(
  "shows in docs/security.md commands that make a key and a token, and a relay and a client that take them",
  async () => {
    const folder = makeFolder();
    const lines = codeBlock("sh").trim().split("\n");
    const [start = ""] = lines.splice(-1);
    const commands = lines
      .join("\n")
      .replaceAll("npm run --silent postern --", `${process.execPath} ${resolve("relay/main.ts")}`);

    const output = execFileSync("sh", ["-ec", commands], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const env = Object.fromEntries(
      [...start.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
    );
    const keys = join(folder, env["AUTH_KEYS_FILE"] ?? "");
    const relay = new Run(["relay/main.ts"], { env: { ...env, AUTH_KEYS_FILE: keys, PORT: "0" } });
    const port = (await relay.printed(/"port":(\d+)/))[1];
    const client = codeBlock("js").replace("localhost:8080", `127.0.0.1:${port}`);
    writeFileSync(
      join(folder, "client.mjs"),
      `import { readFileSync } from "node:fs";
    const token = readFileSync(process.argv[2], "utf8").trim();
    ${client}
    socket.onopen = () => socket.send('{"type":"join","topic":"room-1"}');
    socket.onmessage = ({ data }) => console.log(data);`,
    );
    const joined = new Run([join(folder, "client.mjs"), join(folder, "alice.token")]).printed(
      /"type":"(\w+)","topic":"room-1"/,
    );

    expect(output).toMatch(/^verdict +a relay with these options would accept it$/m);
    expect(start).toMatch(/ npm start$/);
    expect((await joined)[1]).toBe("joined");
  },
  SIX_PROGRAMS_TIMEOUT_MS,
);

it("shows in docs/security.md a list of revocations that is one", async () => {
  const path = join(makeFolder(), "revoked");
  writeFileSync(path, codeBlock("text"));
  const revocations = new Revocations(path);

  await revocations.load();

  expect(revocations.count).toBe(2);
});

it("shows in docs/security.md a way to hash the name of a topic that allows this topic", () => {
  const [, command = ""] = /`(printf [^`]*sha256sum)`/.exec(page) ?? [];
  const [hash] = execFileSync("sh", ["-ec", command], { encoding: "utf8" }).split(" ");

  const grant = readGrant({ sub: "alice", topics: [`sha256:${hash}`] });

  expect("topics" in grant && grant.topics.allows("my-topic")).toBe(true);
});

function codeBlock(language: string): string {
  const [, code = ""] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(page) ?? [];
  return code;
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
