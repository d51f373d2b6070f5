import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { newSecret } from "../../client/sealing/secret.ts";
import { VERSION as CLIENT_VERSION } from "../../client/version.ts";
import { VERSION } from "../../relay/version.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const MAX_README_LINES = 150;
const CLIENT_COMMAND = "npm run postern-client --";
const readme = readFileSync("README.md", "utf8");

it("keeps README.md short enough to be read", () => {
  expect(readme.split("\n").length - 1).toBeLessThanOrEqual(MAX_README_LINES);
});

it.each(["npm ci && npm start", "npm ci && npm test"])(
  "gives %s in README.md as one line that stands alone",
  (line) => {
    expect(codeBlocks("sh")).toContain(`${line}\n`);
  },
);

it.each([
  { by: "without TLS", tls: "off" },
  { by: "over TLS, with the fingerprint that the relay prints", tls: "self-signed" },
] as const)("shows a client in README.md that talks to a second one of its kind $by", async ({ tls }) => {
  const relay = await startRelay({ tls });
  const [sample = "", overTls = ""] = codeBlocks("js");
  const plainLine = /^const relay = .*\n/m;
  const code = tls === "off" ? sample : sample.replace(plainLine, overTls);
  const folder = writeFiles({ "hello.mjs": asTyped(code, relay) });
  const env = { SECRET: newSecret() };

  const first = new Run([join(folder, "hello.mjs")], { env });
  await eventually(() => expect(relay.figures().connections).toBe(1));
  const second = new Run([join(folder, "hello.mjs")], { env });

  await first.printed(/^[\w-]{22}: hello$/m);
  expect(sample).toMatch(plainLine);
  for (const run of [first, second]) {
    run.signal("SIGTERM");
    await run.exitCode();
  }
});

it("has in README.md a client that tells why the relay cannot be reached", async () => {
  const [sample = ""] = codeBlocks("js");
  const code = asTyped(sample, { url: "ws://localhost:1", certificate: undefined });
  const folder = writeFiles({ "hello.mjs": code });

  const run = new Run([join(folder, "hello.mjs")], { env: { SECRET: newSecret() } });

  await run.printed(/^The relay cannot be reached/m);
});

it("shows in README.md a command by which two terminals talk in a topic", async () => {
  const relay = await startRelay();
  const lines = codeBlocks("sh").filter((block) => block.startsWith(`${CLIENT_COMMAND} join`));
  const command = lines.map((line) => asTyped(line, relay).trim().replace(CLIENT_COMMAND, '"$0" client/cli/main.ts'));

  const first = new Run(["-c", `exec ${command.join()} --stay`, process.execPath], { command: "sh" });
  await first.printed(/^\* joined$/m);
  const second = new Run(["-c", `echo hello | ${command.join()}`, process.execPath], { command: "sh" });

  await first.printed(/^hello$/m);
  expect(await second.exitCode()).toBe(0);
  const [notice = "none"] = /^\* this topic is public.*$/m.exec(codeBlocks("text").join()) ?? [];
  expect(first.stderr).toContain(notice);
  first.signal("SIGINT");
  await first.exitCode();
});

it("shows in README.md a command that makes a secret, and one that hands it to the client", () => {
  const [, make = "", hand = ""] =
    codeBlocks("sh")
      .map((block) => /^npm run build && (.*)\n(SECRET=.*) npx node hello\.js\n$/.exec(block))
      .find((match) => match !== null) ?? [];
  const folder = writeFiles({});
  const script = `${make.replace(`npm run --silent postern-client --`, `"$0" "$1"`)}\nexport ${hand}\n"$0" -p process.env.SECRET`;
  const args = ["-ec", script, process.execPath, join(process.cwd(), "client/cli/main.ts")];

  const output = execFileSync("sh", args, { cwd: folder, encoding: "utf8" });

  expect(output.trim()).toHaveLength(newSecret().length);
});

it("shows clients in docs/clients.md that talk to each other, each kind with its own", async () => {
  const relay = await startRelay({ tls: "off" });
  const page = readFileSync("docs/clients.md", "utf8");
  const [classic = "", v1 = ""] = codeBlocks("js", page).map((code) => asTyped(code, relay));
  const folder = writeFiles({ "classic.mjs": classic, "v1.mjs": v1 });

  // Each says hello to those who come: the original's also to those who were there before.
  const first = new Run([join(folder, "v1.mjs")]);
  await first.printed(/^0 others are here$/m);
  const second = new Run([join(folder, "classic.mjs")]);

  await first.printed(/^peer-\d+-\w+ says hello$/m);
  await second.printed(/^peer-\d+-\w+ says hello$/m);
  await relay.stop();
  for (const run of [first, second]) {
    await run.exitCode();
    expect(run.stdout).toMatch(/^closed: 1012 the relay restarts$/m);
  }
  const late = new Run([join(folder, "classic.mjs")]);
  await late.exitCode();
  expect(late.stdout).toMatch(/^The relay cannot be reached/m);
});

it.each(["package.json", "client/package.json"])(
  "has the same version in %s as in the relay and its client",
  (path) => {
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };

    expect([VERSION, CLIENT_VERSION]).toEqual([version, version]);
  },
);

/** A sample as a reader has it: with the address and the fingerprint of a relay, and the package where it is here. */
function asTyped(sample: string, { url, certificate }: Pick<TestRelay, "url" | "certificate">): string {
  const fingerprint = certificate === undefined ? "" : new X509Certificate(certificate).fingerprint256;
  return sample
    .replace(/wss?:\/\/localhost:\d+/, url)
    .replace("AB:CD:...", fingerprint)
    .replace('"postern-client"', `"${pathToFileURL("client/node.ts").href}"`);
}

/** The insides of a page's code blocks in one language. */
function codeBlocks(language: string, page = readme): readonly string[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, code = ""]) =>
    name === language ? [code] : [],
  );
}

function writeFiles(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}
