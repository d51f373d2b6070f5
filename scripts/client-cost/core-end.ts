import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Corestore from "corestore";
import HyperDHT from "hyperdht";
import Hyperswarm from "hyperswarm";
import { WebSocket } from "ws";
import { hyperswarm } from "../../client/node-hyperswarm.ts";
import { loadCustodial } from "./custodial.ts";
import { cpuMicros, serveEnd } from "./end-process.ts";

/** How the two swarms are connected: by the relay, by UDP as they come, or by a relay of `@hyperswarm/dht-relay`, which gets their keys. */
export type SwarmPath = "relay" | "direct" | "custodial";

/** What an end is started with, as its argument. */
export type CoreSetting = {
  readonly path: SwarmPath;
  readonly isWriter: boolean;
  readonly port: number;
  readonly ca: string;
  /** The DHT of a direct connection. */
  readonly bootstrap: readonly { readonly host: string; readonly port: number }[];
  /** What both ends have: the core's key is written there, and their stores are in it. */
  readonly folder: string;
};

/** What the parent asks of an end, one thing at a time. Each is answered with a number. */
export type CoreRequest =
  /** Append so many random blocks of 64 KiB to the core; the answer is its length. */
  | { readonly ask: "append"; readonly blockCount: number }
  /** Download these blocks; the answer is how many came. */
  | { readonly ask: "download"; readonly start: number; readonly end: number }
  /** The CPU time of this process in microseconds, user and system. */
  | { readonly ask: "cpu" };

const BLOCK_BYTES = 65_536;
const TOPIC = Buffer.alloc(32, "client-cost");
const POLL_MS = 20;

const setting = JSON.parse(process.argv[2] ?? "") as CoreSetting;
const keyFile = join(setting.folder, "key");
const store = new Corestore(await mkdtemp(join(setting.folder, "store-")));
const core = store.get(setting.isWriter ? { name: "core" } : { key: readFileSync(keyFile) });
await core.ready();
if (setting.isWriter) writeFileSync(keyFile, core.key);

const swarm = await openSwarm(setting);
swarm.on("connection", (connection) => {
  connection.on("error", () => undefined);
  store.replicate(connection);
});
swarm.join(TOPIC, { server: setting.isWriter, client: !setting.isWriter });
if (setting.isWriter) await swarm.flush();
serveEnd(answer);

async function openSwarm({ path, port, ca, bootstrap }: CoreSetting): Promise<Hyperswarm> {
  if (path === "relay") return hyperswarm({ relays: `wss://127.0.0.1:${port}`, tls: { ca } });
  if (path === "custodial") return openCustodial(`wss://127.0.0.1:${port}`, ca);
  return new Hyperswarm({ dht: new HyperDHT({ bootstrap, host: "127.0.0.1", firewalled: false, ephemeral: false }) });
}

async function openCustodial(address: string, ca: string): Promise<Hyperswarm> {
  const { Node, Stream } = await loadCustodial();
  const dht = new Node(new Stream(true, new WebSocket(address, { ca, perMessageDeflate: false })));
  await dht.ready();
  return new Hyperswarm({ dht, keyPair: dht.defaultKeyPair });
}

async function answer(request: CoreRequest): Promise<number> {
  switch (request.ask) {
    case "append":
      await core.append(Array.from({ length: request.blockCount }, () => randomBytes(BLOCK_BYTES)));
      return core.length;
    case "download":
      return download(request.start, request.end);
    case "cpu":
      return cpuMicros();
  }
}

async function download(start: number, end: number): Promise<number> {
  while (core.length < end) {
    await core.update();
    await pause(POLL_MS);
  }
  let count = 0;
  core.on("download", () => (count += 1));
  await core.download({ start, end }).done();
  return count;
}
