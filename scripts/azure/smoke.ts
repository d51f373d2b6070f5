import { randomUUID } from "node:crypto";
import type { Say } from "./az.ts";
import { type Opening, SmokeClient } from "./smoke-client.ts";
import { inspectCertificate, measureFirstByte } from "./smoke-probes.ts";

/** How to try a relay. */
export type SmokeOptions = Opening & { readonly say: Say };

/** One thing that was tried. */
type Check = { readonly name: string; readonly run: () => Promise<string> };

/**
 * Tries a relay as clients use it: certificate, first byte, then two clients that join, exchange messages and leave.
 * Says one line for each check and stops at the first that fails. A token has to allow two connections, and topics that
 * begin with `smoke-`.
 * @param url `wss://` address.
 * @returns whether all went well.
 */
export async function runSmoke(url: URL, { say, ...opening }: SmokeOptions): Promise<boolean> {
  const clients: SmokeClient[] = [];
  try {
    for (const { name, run } of checksOf(url, opening, clients)) {
      const startMs = performance.now();
      try {
        const detail = await run();
        say(`ok      ${name.padEnd(12)} ${detail} (${Math.round(performance.now() - startMs)} ms)`);
      } catch (error) {
        say(`FAILED  ${name.padEnd(12)} ${(error as Error).message}`);
        return false;
      }
    }
    return true;
  } finally {
    for (const client of clients) client.end();
  }
}

function checksOf(url: URL, opening: Opening, clients: SmokeClient[]): readonly Check[] {
  // Nobody else knows this topic.
  const topic = `smoke-${randomUUID()}`;
  const open = async (): Promise<SmokeClient> => {
    const client = await SmokeClient.open(url, opening);
    clients.push(client);
    return client;
  };
  const pair = (): readonly [SmokeClient, SmokeClient] => {
    const [first, second] = clients;
    if (first === undefined || second === undefined) throw new Error("there are no two clients");
    return [first, second];
  };
  return [
    { name: "certificate", run: () => inspectCertificate(url, opening) },
    { name: "first byte", run: () => measureFirstByte(url, opening) },
    { name: "connect", run: async () => `${(await open()).tells()}, and ${(await open()).tells()}` },
    { name: "join", run: () => join(pair(), topic) },
    { name: "exchange", run: () => exchange(pair(), topic) },
    { name: "leave", run: () => leave(pair(), topic) },
  ];
}

type Pair = readonly [SmokeClient, SmokeClient];

async function join([first, second]: Pair, topic: string): Promise<string> {
  first.send({ type: "join", topic, peerId: "first" });
  await first.next("joined");
  second.send({ type: "join", topic, peerId: "second" });
  const { members } = await second.next("joined");
  await first.next("peer-joined");
  if (members.length !== 1) throw new Error("the second does not see the first");
  return "each sees the other";
}

async function exchange([first, second]: Pair, topic: string): Promise<string> {
  for (const [sender, reader] of [
    [first, second],
    [second, first],
  ] as const) {
    const sent = Buffer.from(randomUUID()).toString("base64");
    sender.send({ type: "data", topic, data: sent });
    const { data } = await reader.next("data");
    if (data !== sent) throw new Error("what arrived is not what was sent");
  }
  return "both ways, byte for byte";
}

async function leave([first, second]: Pair, topic: string): Promise<string> {
  second.send({ type: "leave", topic });
  const { peerId } = await first.next("peer-left");
  if (peerId !== "second") throw new Error("somebody else left");
  return "the other is told";
}
