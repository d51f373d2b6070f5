import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { identityOf, type KeyPair, newKeyPair } from "../../client/identity.ts";
import { mailboxesOf } from "../../client/mailbox.ts";
import { connect } from "../../client/node.ts";
import type { Relay, TlsOptions } from "../../client/relay.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import type { Topic } from "../../client/topic.ts";
import type { Config } from "../../relay/config/options.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { CLIENTS_FOLDER } from "../clients/start-client.ts";
import { authorizedTls, BARE } from "../support/bare.ts";
import { BrowserPage } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { openFirefox } from "../support/firefox.ts";
import { InstalledClient, serveFiles } from "../support/installed-client.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser, itInFirefox, itOnBare, itWithClients } from "../support/requires.ts";

/** What one end of the exchange is told: on the command line, or behind the # of a page. */
type Words = readonly [address: string, secret: string, name: string];

const client = new InstalledClient();
const inRuntimes = itWithClients("javascript");
let folder = "";

beforeAll(async () => {
  await client.install();
  folder = client.copy("test/package/exchange", "exchange");
});

afterAll(() => client.remove());

inRuntimes.each([
  ["Node 22", ["node_modules/node22/bin/node"]],
  ["Node 24", ["node_modules/node24/bin/node"]],
  ["Node 26", ["node_modules/node26/bin/node"]],
  ["Bun", ["node_modules/bun/bin/bun"]],
  ["Deno", ["node_modules/deno/deno", "run", "--allow-all", "--node-modules-dir=manual"]],
])("exchanges everything on %s, sealed, over a restart of the relay", async (name, [program = "", ...flags]) => {
  await exchangeWith(name, (words) => {
    const run = new Run([...flags, join(folder, "program.mjs"), ...words], { command: join(CLIENTS_FOLDER, program) });
    onTestFinished(() => run.signal("SIGKILL"));
  });
});

inRuntimes("exchanges everything on workerd, sealed, over a restart of the relay", async () => {
  const port = await freePort();
  const bundle = await rolldown({ input: join(folder, "worker.mjs"), platform: "browser", logLevel: "silent" });
  await bundle.write({ file: join(folder, "worker.js"), codeSplitting: false });
  writeFileSync(join(folder, "workerd.capnp"), workerdConfig(port));
  // The program itself: what is in .bin starts it as a child, and ends alone.
  const [machine] = readdirSync(join(CLIENTS_FOLDER, "node_modules/@cloudflare"));
  const command = join(CLIENTS_FOLDER, "node_modules/@cloudflare", machine ?? "", "bin/workerd");
  const run = new Run(["serve", join(folder, "workerd.capnp")], { command });
  onTestFinished(() => run.signal("SIGKILL"));
  let answered: Promise<unknown> | undefined;

  await exchangeWith("workerd", async ([relay, secret, name]) => {
    const asked = new URLSearchParams({ relay, secret, name });
    await eventually(async () => expect(await isListening(port)).toBe(true));
    answered = fetch(`http://127.0.0.1:${port}/?${asked.toString()}`).then((response) => response.text());
  });

  expect(await answered).toBe("done");
});

itOnBare()("exchanges everything on Bare over TLS, sealed, over a restart of the relay", async () => {
  const { ca, config } = authorizedTls();

  await exchangeWith(
    "Bare",
    (words) => {
      const run = new Run([join(folder, "bare.mjs"), ...words, ca], { command: BARE });
      onTestFinished(() => run.signal("SIGKILL"));
    },
    { tls: { ca }, config: { ...config, mailboxStore: "memory" } },
  );
});

itInBrowser()("exchanges everything in Chromium, sealed, over a restart of the relay", async () => {
  const page = await BrowserPage.open();
  const port = await serveFiles(folder);

  await exchangeWith("Chromium", (words) => page.goTo(pageOf(port, words)));

  expect(page.complaints.filter((complaint) => !complaint.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
});

itInFirefox()("exchanges everything in Firefox, sealed, over a restart of the relay", async () => {
  const port = await serveFiles(folder);

  await exchangeWith("Firefox", (words) => openFirefox(pageOf(port, words)));
});

/** Both ends in one sealed topic, with identities: messages, a request, presence, mailboxes, and a restart of the relay in between. */
async function exchangeWith(
  name: string,
  start: (words: Words) => unknown,
  { config, tls }: { readonly config: Partial<Config>; readonly tls?: TlsOptions } = {
    config: { tls: "off", mailboxStore: "memory" },
  },
): Promise<void> {
  const relay = await startRelay(config);
  const secret = newSecret();
  const here = connect(relay.url, { tls });
  onTestFinished(() => here.close());
  const keys = await newKeyPair();
  const topic = await here.join({ secret }, { identity: identityOf(keys, { requireIdentity: true }) });
  const heard: string[] = [];
  topic.on("message", ({ text }) => heard.push(text));
  await start([relay.url, secret, name]);
  await eventually(() => expect(topic.peers.size).toBe(1));
  const [there] = topic.peers.keys();
  const presence = (): string => new TextDecoder().decode(topic.peers.get(there ?? "")?.presence);

  expect(topic.peers.get(there ?? "")?.publicKey).toMatch(/^[\w-]{43}$/);
  expect(new TextDecoder().decode(await topic.request(there ?? "", "who am I"))).toBe(keys.publicKey);
  await eventually(() => expect(presence()).toBe(name));
  await topic.broadcast("one");
  await topic.send(there ?? "", "two");
  expect(new TextDecoder().decode(await topic.request(there ?? "", "three"))).toBe("three, answered");
  await writeToEachOther(here, topic, keys, { there: there ?? "", name });
  topic.setPresence("here");
  await eventually(() =>
    expect(heard.toSorted()).toEqual(["found hello", "heard alone: two", "heard one", "sees here"]),
  );
  await relay.stop();
  await topic.broadcast("while it is down");
  await startRelay({ ...config, port: relay.port });
  await topic.broadcast(`show ${name}, back`);
  await eventually(() => expect(presence()).toBe(`${name}, back`));

  expect(heard.slice(4)).toEqual(["heard while it is down"]);
  await topic.broadcast("end");
  await eventually(() => expect(topic.peers.size).toBe(0));
}

/** Each deposits for the other, and finds what the other has. */
async function writeToEachOther(
  here: Relay,
  topic: Topic,
  keys: KeyPair,
  { there, name }: { readonly there: string; readonly name: string },
): Promise<void> {
  const mailbox = await mailboxesOf(here).open(keys);
  await topic.request(there, "write to me");
  const { publicKey = "" } = topic.peers.get(there) ?? {};
  const { value } = await mailbox.messages().next();
  expect(value).toMatchObject({ text: name, from: publicKey });
  await mailboxesOf(here).deposit(publicKey, "hello");
}

async function isListening(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  const isOpen = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]);
  socket.destroy();
  return isOpen;
}

function pageOf(port: number, words: Words): string {
  return `http://localhost:${port}/page.html#${words.map(encodeURIComponent).join()}`;
}

function workerdConfig(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .worker), (name = "internet", network = (allow = ["private", "local"])) ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ],
);

const worker :Workerd.Worker = (
  modules = [ (name = "worker.js", esModule = embed "worker.js") ],
  compatibilityDate = "2026-01-01",
);
`;
}
