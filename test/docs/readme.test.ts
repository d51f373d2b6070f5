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
import { startRelay } from "../support/relay.ts";

const MAX_README_LINES = 150;
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

it("shows a client in README.md that talks to a second one of its kind", async () => {
  const relay = await startRelay();
  const [sample = ""] = codeBlocks("js");
  const code = sample
    .replace("wss://localhost", relay.url)
    .replace("postern-client", pathToFileURL("client/node.ts").href);
  const folder = writeFiles({ "client.mjs": code, "certificate.pem": relay.certificate ?? "" });
  const env = { NODE_EXTRA_CA_CERTS: join(folder, "certificate.pem"), SECRET: newSecret() };

  const first = new Run([join(folder, "client.mjs")], { env });
  await eventually(() => expect(relay.figures().connections).toBe(1));
  const second = new Run([join(folder, "client.mjs")], { env });

  await first.printed(/^[\w-]{22}: hello$/m);
  for (const run of [first, second]) {
    run.signal("SIGTERM");
    await run.exitCode();
  }
});

it("shows clients in docs/clients.md that talk to each other, each kind with its own", async () => {
  const relay = await startRelay();
  const page = readFileSync("docs/clients.md", "utf8");
  const [classic = "", v1 = ""] = codeBlocks("js", page).map((code) => code.replace("wss://localhost", relay.url));
  const folder = writeFiles({ "classic.mjs": classic, "v1.mjs": v1, "certificate.pem": relay.certificate ?? "" });
  const env = { NODE_EXTRA_CA_CERTS: join(folder, "certificate.pem") };

  // Each says hello to those who come: the original's also to those who were there before.
  const first = new Run([join(folder, "v1.mjs")], { env });
  await first.printed(/^0 others are here$/m);
  const second = new Run([join(folder, "classic.mjs")], { env });

  await first.printed(/^peer-\d+-\w+ says hello$/m);
  await second.printed(/^peer-\d+-\w+ says hello$/m);
  await relay.stop();
  await second.exitCode();
  expect(second.stdout).toMatch(/^closed: 1012 the relay restarts$/m);
});

it.each(["package.json", "client/package.json"])(
  "has the same version in %s as in the relay and its client",
  (path) => {
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };

    expect([VERSION, CLIENT_VERSION]).toEqual([version, version]);
  },
);

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
