import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { Pebble } from "../../scripts/loopback/pebble.ts";
import { shownTo } from "../support/acme-scene.ts";
import { Client } from "../support/client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itWithPebble } from "../support/requires.ts";

const it = itWithPebble();
const NAME = "relay.example.test";
/** Half of it is a renewal apart. */
const LIFETIME_SECONDS = 18;
const RENEWAL_COUNT = 3;
const SEND_EVERY_MS = 10;

/** A client in the topic, from before the first certificate of the authority. */
async function openClient(relay: TestRelay, peerId: string): Promise<Client> {
  const socket = new WebSocket(relay.url, { rejectUnauthorized: false });
  onTestFinished(() => socket.terminate());
  const client = new Client(socket);
  await once(socket, "open");
  client.send({ type: "join", topic: "renewals", peerId });
  await client.settled();
  return client;
}

it("renews a short-lived certificate three times under a live WebSocket, which loses nothing", async () => {
  const pebble = await Pebble.start({ validitySeconds: LIFETIME_SECONDS });
  onTestFinished(() => pebble.stop());
  const stateDirectory = mkdtempSync(join(tmpdir(), "postern-state-"));
  onTestFinished(() => rmSync(stateDirectory, { recursive: true, force: true }));
  const relay = await startRelay({
    port: pebble.tlsPort,
    tls: "acme",
    domain: [NAME],
    acmeDirectory: pebble.directoryUrl,
    acmeCaFile: pebble.caFile,
    stateDirectory,
  });
  const [sender, receiver] = [await openClient(relay, "sender"), await openClient(relay, "receiver")];

  let sentCount = 0;
  const sending = setInterval(() => {
    sender.send({ type: "data", data: `${sentCount}` });
    sentCount += 1;
  }, SEND_EVERY_MS);
  onTestFinished(() => clearInterval(sending));
  const shown = new Set<string>();
  const root = await pebble.root();
  while (issuedBy(relay).length < 1 + RENEWAL_COUNT) {
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    if (issuedBy(relay).length > 0)
      await shownTo(pebble.tlsPort, NAME, root).then((leaf) => shown.add(leaf), unlessExpired);
  }
  clearInterval(sending);

  expect(shown.size).toBeGreaterThanOrEqual(RENEWAL_COUNT);
  const numbers: string[] = [];
  while (numbers.length < sentCount) {
    const message = await receiver.next();
    if (message["type"] === "data") numbers.push(String(message["data"]));
  }
  expect(numbers).toEqual(Array.from({ length: sentCount }, (_, number) => `${number}`));
  expect(sentCount).toBeGreaterThan(500);
  expect(relay.logLines().filter(({ level }) => level === "warn")).toEqual([]);
  expect(pebble.logged(/set VALID by completed challenge/)).toBe(1 + RENEWAL_COUNT);
});

/** On a machine that stands still for seconds these certificates may end before they are renewed. */
function unlessExpired(error: NodeJS.ErrnoException): void {
  if (error.code !== "CERT_HAS_EXPIRED") throw error;
}

/** The certificates of the authority that the relay has told of. */
function issuedBy(relay: TestRelay): readonly Record<string, unknown>[] {
  return relay.logLines().filter(({ msg, isStandIn }) => msg === "certificate" && isStandIn === false);
}
