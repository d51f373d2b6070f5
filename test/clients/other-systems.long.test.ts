import { createHash } from "node:crypto";
import { expect } from "vitest";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";
import { itWithClients } from "../support/requires.ts";
import type { ClientProgram, Told } from "./client-program.ts";
import { clientRows } from "./rows.ts";
import { startClient } from "./start-client.ts";

const DATABASE = createHash("sha256").update("a database").digest("hex");
const PIPE = `/topic/${DATABASE}`;
const PUT = '{"#":"rust-1","put":{"user:alice":{"_":{"#":"user:alice",">":{"name":1795200876384.0}},"name":"Alice"}}}';
/** One byte less than 4 MiB: what the pair dialect takes, because aiohttp takes no more. */
const LARGEST_OF_PAIR = 4_194_303;

const it = itWithClients("python");
const rows = clientRows.filter(({ name }) => /websockets|aiohttp/.test(name));

/** The message that comes next, as text or as `binary <hex>`. */
async function heard(client: ClientProgram): Promise<string> {
  const told: Told = await client.next();
  if (told.event === "text") return told.byteCount === 0 ? "" : String(told.bytes);
  if (told.event === "binary") return `binary ${told.bytes?.toString("hex")}`;
  throw new Error(`no message: ${JSON.stringify(told)}`);
}

for (const row of rows) {
  it(`${row.name} meets others of a GUN database, over TLS, with every address of the client`, async () => {
    const relay = await startRelay();
    const [one, other] = [await startClient(row), await startClient(row)];
    await one.open(`${relay.url}/gun/${DATABASE}`);
    await other.open(`${relay.url}/${DATABASE}`);

    one.send("[]");
    one.send(Buffer.from(PUT));
    expect(await heard(other)).toBe(`binary ${Buffer.from(PUT).toString("hex")}`);
    other.send('{"#":"2","@":"rust-1","err":null,"ok":1}');
    expect(await heard(one)).toBe('{"#":"2","@":"rust-1","err":null,"ok":1}');
  });

  it(`${row.name} talks through a pipe, text and bytes, to another library`, async () => {
    const relay = await startRelay();
    const client = await startClient(row);
    await client.open(`${relay.url}${PIPE}`);
    const other = await PlainClient.open(relay, PIPE);

    client.send("text");
    client.send(Buffer.of(0, 255));
    other.send("");
    other.send(Buffer.of(1));

    await other.hears("text", "binary 00ff");
    expect([await heard(client), await heard(client)]).toEqual(["", "binary 01"]);
  });

  it(`${row.name} is a half of a pair: gets what the other sends, and the close when it leaves`, async () => {
    const relay = await startRelay();
    const [one, other] = [await startClient(row), await startClient(row)];
    await one.open(`${relay.url}/relay/my%2Fid`);
    await other.open(`${relay.url}/pair/relay/my%2Fid`);
    const third = await startClient(row);
    await third.open(`${relay.url}/relay/my%2Fid`);

    expect(await third.closed()).toEqual({ code: 1008, reason: "Session full" });
    one.send(Buffer.from("Hello from A"));
    expect(await heard(other)).toBe(`binary ${Buffer.from("Hello from A").toString("hex")}`);
    other.send("");
    expect(await heard(one)).toBe("");
    one.close(1000);
    expect((await other.closed()).code).toBe(1000);
  });
}

it("Python's aiohttp takes the largest message of a pair", async () => {
  const [, aiohttp] = rows;
  if (aiohttp === undefined) throw new Error("no such row");
  const relay = await startRelay();
  const client = await startClient(aiohttp);
  await client.open(`${relay.url}/relay/large`);
  const other = await PlainClient.open(relay, "/relay/large");

  other.send(Buffer.alloc(LARGEST_OF_PAIR));

  expect(await client.next()).toMatchObject({ event: "binary", byteCount: LARGEST_OF_PAIR });
});
