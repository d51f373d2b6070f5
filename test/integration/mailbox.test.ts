import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { MailboxDialect } from "../../relay/dialects/mailbox/mailbox-dialect.ts";
import { MailboxRates } from "../../relay/dialects/mailbox/mailbox-rates.ts";
import { Presences } from "../../relay/dialects/mailbox/presences.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { Mailboxes } from "../../relay/store/mailboxes.ts";
import { MemoryStore } from "../../relay/store/memory-store.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";
import { idNamed, VauchiClient } from "../support/vauchi-client.ts";

const OPTIONS = {
  dialects: ["topic", "raw", "pair", "mailbox"],
  mailboxStore: "memory",
  mailboxMessagesPerMinute: 1000,
} as const;

it("[VAUCHI-12] gives back who claims to have sent a message, as its clients want it, and nothing where nobody does", async () => {
  const relay = await startRelay(OPTIONS);
  const sender = await VauchiClient.meet(relay, "sender");
  await sender.acknowledged(sender.deposit("owner", [1], { sender_id: idNamed("sender") }));
  await sender.acknowledged(sender.deposit("owner", [2], { sender_id: "nobody" }));

  const owner = await VauchiClient.meet(relay, "owner");

  expect((await owner.hears("EncryptedUpdate")).payload).toEqual({
    type: "EncryptedUpdate",
    recipient_id: idNamed("owner"),
    sender_id: idNamed("sender"),
    ciphertext: [1],
  });
  expect((await owner.hears("EncryptedUpdate")).payload).not.toHaveProperty("sender_id");
});

it("[VAUCHI-4] tells a sender once that its message was delivered, whoever reads the mailbox and however often", async () => {
  const relay = await startRelay(OPTIONS);
  const sender = await VauchiClient.meet(relay, "sender");
  const id = sender.deposit("owner", [1]);
  expect(await sender.acknowledged(id)).toBe("Stored");

  const owner = await VauchiClient.meet(relay, "owner");
  const blob = await owner.hears("EncryptedUpdate");
  expect(await sender.acknowledged(id)).toBe("Delivered");
  await (await VauchiClient.meet(relay, "owner")).hears("EncryptedUpdate");
  owner.send({ type: "Acknowledgment", message_id: blob.message_id, status: "ReceivedByRecipient" });
  await owner.settled();

  await sender.settled();
});

it("[VAUCHI-2] keeps over a planned stop what was acknowledged, and delivers it afterwards", async () => {
  const options = { ...OPTIONS, mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const first = await startRelay(options);
  const sender = await VauchiClient.meet(first, "sender");
  const deposits = Array.from({ length: 50 }, (_, index) => sender.deposit("owner", [index]));
  for (const id of deposits) expect(await sender.acknowledged(id)).toBe("Stored");
  await first.stop();
  expect(await sender.closed()).toEqual({ code: 1012, reason: "the relay restarts" });

  const second = await startRelay(options);
  const owner = await VauchiClient.meet(second, "owner");

  await eventually(() => expect(owner.heard).toHaveLength(51));
  expect(owner.heard.slice(1).map(({ payload }) => payload["ciphertext"])).toEqual(deposits.map((_, index) => [index]));
});

it("[VAUCHI-3] writes the true length of its frames, also of large ones, and of text that is not ASCII", async () => {
  const relay = await startRelay(OPTIONS);
  const sender = await VauchiClient.meet(relay, "sender");
  const large = Array.from({ length: 200_000 }, (_, index) => index % 256);
  expect(await sender.acknowledged(sender.deposit("owner", large))).toBe("Stored");
  sender.send({ type: "PurgeRequest" }, 'ä\u{1f6aa}"');
  expect((await sender.hears("PurgeResponse")).message_id).toBe('ä\u{1f6aa}"');

  const owner = await VauchiClient.meet(relay, "owner");

  expect((await owner.hears("EncryptedUpdate")).payload["ciphertext"]).toEqual(large);
});

it("[VAUCHI-7] [VAUCHI-10] answers a purge with the id of the request, and hands on a revocation as it was framed", async () => {
  const relay = await startRelay(OPTIONS);
  const sender = await VauchiClient.meet(relay, "sender");
  const revoked = { type: "AccountRevoked", sender_id: idNamed("sender"), recipient_id: idNamed("owner") };
  const id = sender.send({ ...revoked, timestamp: 1, signature: [1, 2] });
  expect(await sender.acknowledged(id)).toBe("Stored");
  const tooLarge = { ...revoked, timestamp: 1, signature: Array.from({ length: 20_000 }, () => 1) };
  expect(await sender.acknowledged(sender.send(tooLarge))).toBe("Failed");

  const owner = await VauchiClient.meet(relay, "owner");
  const { payload } = await owner.hears("EncryptedUpdate");
  const frame = Buffer.from(payload["ciphertext"] as number[]);

  expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
  expect(JSON.parse(frame.toString("utf8", 4))).toMatchObject({ message_id: id, payload: { signature: [1, 2] } });
  const purge = owner.send({ type: "PurgeRequest" });
  expect((await owner.hears("PurgeResponse")).message_id).toBe(purge);
});

it("[VAUCHI-9] has at its own address the pages of the original, and leaves those of the relay alone", async () => {
  const relay = await startRelay(OPTIONS);
  const page = async (path: string): Promise<unknown> => {
    const { status, body, headers } = await ask(relay, path, {});
    return [status, JSON.parse(body), headers["content-type"]];
  };
  const healthy = { status: "healthy", version: "1.1.0", uptime_seconds: expect.any(Number), blob_count: 0 };
  const json = "application/json";

  for (const path of ["/vauchi/health", "/vauchi/up", "/vauchi/ready"])
    expect(await page(path)).toEqual([200, healthy, json]);
  for (const path of ["/vauchi", "/vauchi/", "/vauchi/anything"])
    expect(await page(path)).toEqual([200, { error: "This is a WebSocket relay endpoint" }, json]);
  expect(await page("/health")).toMatchObject([200, { status: "healthy", blob_count: 0 }, expect.any(String)]);
  expect((await ask(relay, "/", {})).body).toContain('"error":"This is a WebSocket relay endpoint"');
  expect(await statusOfUpgrade(relay, "/vauchi/federation")).toBe(404);
  expect(await statusOfUpgrade(relay, "/federation")).toBe(404);
});

it("[VAUCHI-28] says at /ready whether the store answers", async () => {
  const clock = new FakeClock();
  const { config } = loadConfig({ flags: {}, env: {} });
  const mailboxes = new Mailboxes(
    { store: new MemoryStore({ maxMessages: 0, maxBytes: 0 }), clock, log: createLogger("silent") },
    config,
  );
  const dialect = new MailboxDialect(
    { mailboxes, time: { nowMs: 0 }, nowMs: () => clock.epochMs(), mailboxOptions: config },
    mailboxes,
  );
  const ready = dialect.routes.find(({ path }) => path === "/ready");
  const request = {
    method: "GET",
    path: "/ready",
    query: new URLSearchParams(),
    header: () => undefined,
    clientAddress: "127.0.0.1",
  } as const;
  const statusNow = async (): Promise<unknown> =>
    (await ready?.answer({ ...request, body: new Uint8Array(0) }))?.status;

  expect(await statusNow()).toBe(503);
  await mailboxes.start();
  expect(await statusNow()).toBe(200);
  await mailboxes.stop();
  expect(await statusNow()).toBe(503);
});

it("is at the address of the relay's own protocol, and each client gets its own", async () => {
  const relay = await startRelay(OPTIONS);
  const mailbox = await VauchiClient.meet(relay, "a", { path: "/" });
  const [classic, other] = [await PlainClient.open(relay, "/"), await PlainClient.open(relay, "/")];

  for (const client of [classic, other]) {
    client.send('{"type":"join","topic":"t"}');
    await client.settled();
  }
  classic.send('{"type":"data","data":"aGk="}');

  await eventually(() => expect(other.heard.join("")).toContain('"data":"aGk="'));
  expect(await mailbox.acknowledged(mailbox.deposit("b", [1]))).toBe("Stored");
});

it("serves a mailbox by tokens alone that allow it: those of before do not", async () => {
  const relay = await startRelay({ ...OPTIONS, ...(await tokenOptions()) });
  const open = async (claims: object): Promise<VauchiClient> => {
    const headers = { authorization: `Bearer ${await token({ claims: { ...claims } })}` };
    const client = await VauchiClient.open(relay, { headers });
    client.send({ type: "Handshake", client_id: idNamed("a") });
    return client;
  };

  await (await open({ verbs: ["mailbox"] })).hears("HandshakeAck");
  expect(await (await open({})).closed()).toEqual({ code: 4004, reason: "not-permitted" });
  expect(await (await open({ verbs: ["join", "publish"] })).closed()).toEqual({ code: 4004, reason: "not-permitted" });
  const without = await VauchiClient.open(relay);
  without.send({ type: "Handshake", client_id: idNamed("a") });
  expect(await without.closed()).toEqual({ code: 4004, reason: "missing" });
});

it("counts what waits, comes and goes, under the names of the original", async () => {
  const relay = await startRelay({ ...OPTIONS, adminToken: ADMIN_TOKEN, mailboxMaxMessagesPerMailbox: 2 });
  const sender = await VauchiClient.meet(relay, "sender");
  for (let index = 0; index < 3; index += 1) await sender.acknowledged(sender.deposit("owner", [index]));
  const owner = await VauchiClient.meet(relay, "owner");
  const { message_id: id } = await owner.hears("EncryptedUpdate");
  await owner.hears("EncryptedUpdate");
  owner.send({ type: "Acknowledgment", message_id: id, status: "ReceivedByRecipient" });
  await owner.acknowledged(owner.send({ type: "RecoveryProofStore", key_hash: idNamed("k"), proof_data: [1] }));

  const { body } = await askAsAdmin(relay, "/metrics");

  for (const line of [
    "relay_blobs_stored 1",
    "relay_mailboxes 1",
    "relay_blobs_created_total 2",
    "relay_blobs_delivered_total 2",
    "relay_blobs_deleted_total 1",
    "relay_blobs_expired_total 0",
    "relay_recovery_proofs_active 1",
    'relay_mailbox_refusals_total{reason="mailbox-full"} 1',
    'relay_connections_total{dialect="mailbox",client="vauchi"} 2',
  ])
    expect(body.split("\n")).toContain(line);
});

it("[VAUCHI-11] cuts off nobody for a late pong before the time that a client may be idle", async () => {
  const quick = { sweepIntervalMs: 100, pingIntervalMs: 100, mailboxIdleTimeoutMs: 1500 };
  const relay = await startRelay({ ...OPTIONS, ...quick });
  const client = await VauchiClient.meet(relay, "a");
  const openedAtMs = performance.now();
  client.socket.pause();

  await eventually(() => expect(relay.figures().swept).toBe(1));

  expect(performance.now() - openedAtMs).toBeGreaterThan(1400);
});

it("forgets the rates of those who have gone, and bounds how many it knows", () => {
  const rates = new MailboxRates({ mailboxMessagesPerMinute: 60, mailboxRecoveriesPerMinute: 6 });
  for (let index = 0; index < 70_000; index += 1) rates.of(`${index}`, 0);
  expect(rates.count).toBe(65_536);
  rates.of("0", 0).messages.tryTake(0);

  rates.lookAround(0, (id) => id === "7");
  expect(rates.count).toBe(2);
  rates.lookAround(1000, (id) => id === "7");

  expect(rates.count).toBe(1);
});

it("bounds how many deliveries it remembers", () => {
  const told: string[] = [];
  const presences = new Presences();
  presences.enter("a", { delivered: (messageId) => told.push(messageId) });

  for (let sequence = 0; sequence < 70_000; sequence += 1) presences.tell("a", { sequence, messageId: `${sequence}` });
  presences.tell("a", { sequence: 69_999, messageId: "again" });
  presences.tell("a", { sequence: 0, messageId: "forgotten" });

  expect([told.length, told.at(-1)]).toEqual([70_001, "forgotten"]);
});
