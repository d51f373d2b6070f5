import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { frameOf, idNamed, VauchiClient, VauchiIdentity } from "../support/vauchi-client.ts";

const MINUTE_SECONDS = 60;

function start(options: Partial<Config> = {}): Promise<TestRelay> {
  return startRelay({
    dialects: ["topic", "mailbox"],
    mailboxStore: "memory",
    mailboxMessagesPerMinute: 1000,
    ...options,
  });
}

/** What one of the owner's devices leaves for another one; what else it has may be said. */
function deviceSync(own: object): object {
  return {
    type: "DeviceSyncMessage",
    identity_id: idNamed("owner"),
    target_device_id: idNamed("d2"),
    sender_device_id: idNamed("d1"),
    encrypted_payload: [1],
    version: 1,
    ...own,
  };
}

/** How the relay answers a handshake with these fields. */
async function handshake(relay: TestRelay, fields: object): Promise<string> {
  const client = await VauchiClient.open(relay);
  client.send({ type: "Handshake", ...fields });
  const heard = client.hears("HandshakeAck").then(() => "taken");
  const closed = client.closed().then(({ code, reason }) => `${code} ${reason}`);
  heard.catch(() => undefined);
  return Promise.race([heard, closed]);
}

it("[VAUCHI-18] gives nothing of a mailbox whose owner has signed to a stranger who does not sign", async () => {
  const relay = await start();
  const owner = new VauchiIdentity();
  const sender = await VauchiClient.meet(relay, "sender");
  await sender.acknowledged(sender.send({ type: "EncryptedUpdate", recipient_id: owner.clientId, ciphertext: [1] }));
  (await VauchiClient.meet(relay, owner.proof())).socket.terminate();

  expect(await handshake(relay, { client_id: owner.clientId })).toBe("1008 signature required");
  expect(await handshake(relay, { client_id: owner.clientId.toUpperCase() })).toBe("1008 signature required");
  const again = await VauchiClient.meet(relay, owner.proof());
  expect((await again.hears("EncryptedUpdate")).payload["ciphertext"]).toEqual([1]);
});

it("[VAUCHI-18] remembers who has signed over a restart", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const owner = new VauchiIdentity();
  const first = await start(options);
  await VauchiClient.meet(first, owner.proof());
  await first.stop();

  const second = await start(options);

  expect(await handshake(second, { client_id: owner.clientId })).toBe("1008 signature required");
});

it("[VAUCHI-18] takes no half of a signature for none: what is left out is no way in", async () => {
  const relay = await start();
  const owner = new VauchiIdentity();
  for (const left of ["signature", "nonce", "timestamp", "identity_public_key"]) {
    const { [left]: _, ...rest } = owner.proof();
    expect(await handshake(relay, rest)).toBe("1008 signature");
  }
});

it("takes a signature for its own id alone, and for what was signed", async () => {
  const relay = await start();
  const [owner, stranger] = [new VauchiIdentity(), new VauchiIdentity()];

  expect(await handshake(relay, { ...stranger.proof(), client_id: owner.clientId })).toBe("1008 signature");
  expect(await handshake(relay, { ...owner.proof(), nonce: randomBytes(32).toString("hex") })).toBe("1008 signature");
  expect(await handshake(relay, { ...owner.proof(), signature: "0".repeat(128) })).toBe("1008 signature");
  // No point of the curve.
  const noKey = "02".padEnd(64, "0");
  expect(await handshake(relay, { ...owner.proof(), client_id: noKey, identity_public_key: noKey })).toBe(
    "1008 signature",
  );
});

it("[VAUCHI-21] takes a signature once, and not before or after its time", async () => {
  const relay = await start();
  const owner = new VauchiIdentity();
  const now = Math.floor(Date.now() / 1000);
  const proof = owner.proof();

  expect(await handshake(relay, proof)).toBe("taken");
  expect(await handshake(relay, proof)).toBe("1008 replayed");
  expect(await handshake(relay, owner.proof({ seconds: now - MINUTE_SECONDS - 5 }))).toBe("1008 clock");
  expect(await handshake(relay, owner.proof({ seconds: now + MINUTE_SECONDS + 5 }))).toBe("1008 clock");
  expect(await handshake(relay, owner.proof({ seconds: now + MINUTE_SECONDS - 5 }))).toBe("taken");
});

it("[VAUCHI-21] knows a signature that was used before a restart", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const proof = new VauchiIdentity().proof();
  const first = await start(options);
  expect(await handshake(first, proof)).toBe("taken");
  await first.stop();

  expect(await handshake(await start(options), proof)).toBe("1008 replayed");
});

it("[VAUCHI-21] is not made to remember nonces by who cannot sign", async () => {
  const options = {
    mailboxStore: "sqlite",
    mailboxDirectory: await storeDirectory(),
    adminToken: "x".repeat(16),
  } as const;
  const relay = await start(options);
  const owner = new VauchiIdentity();
  const nonce = randomBytes(32);

  await handshake(relay, { ...owner.proof({ nonce }), signature: "0".repeat(128) });

  expect(await handshake(relay, owner.proof({ nonce }))).toBe("taken");
});

it("[VAUCHI-19] gives no mailbox of an id that has signed to who names it as a routing token", async () => {
  const relay = await start();
  const [owner, stranger] = [new VauchiIdentity(), new VauchiIdentity()];
  await VauchiClient.meet(relay, owner.proof());

  expect(await handshake(relay, { client_id: idNamed("x"), routing_token: owner.clientId })).toBe(
    "1008 not its mailbox",
  );
  expect(await handshake(relay, { ...stranger.proof(), routing_token: owner.clientId })).toBe("1008 not its mailbox");
  expect(await handshake(relay, { ...owner.proof(), routing_token: owner.clientId })).toBe("taken");
  expect(await handshake(relay, { ...stranger.proof(), routing_token: idNamed("secret") })).toBe("taken");
});

it("takes nobody without a signature where that is wanted", async () => {
  const relay = await start({ mailboxRequireSignature: true });

  expect(await handshake(relay, { client_id: idNamed("a") })).toBe("1008 signature required");
  expect(await handshake(relay, new VauchiIdentity().proof())).toBe("taken");
});

it("deletes nothing of another's mailbox for who knows the id of a message, and nothing for who guesses", async () => {
  const relay = await start();
  const sender = await VauchiClient.meet(relay, "sender");
  await sender.acknowledged(sender.deposit("owner", [1]));
  const owner = await VauchiClient.meet(relay, "owner");
  const { message_id: blobId } = await owner.hears("EncryptedUpdate");
  const stranger = await VauchiClient.meet(relay, "stranger");

  stranger.send({ type: "Acknowledgment", message_id: blobId, status: "ReceivedByRecipient" });
  stranger.send({ type: "DeviceSyncAck", message_id: blobId, synced_version: 1 });
  for (const id of ["", "x", "%", "x".repeat(128)])
    stranger.send({ type: "Acknowledgment", message_id: id, status: "Failed" });
  stranger.send({ type: "PurgeRequest", include_device_sync: true });
  expect((await stranger.hears("PurgeResponse")).payload).toMatchObject({ blobs_deleted: 0 });

  const again = await VauchiClient.meet(relay, "owner");
  expect((await again.hears("EncryptedUpdate")).message_id).toBe(blobId);
});

it("[VAUCHI-20] lets nobody overwrite or purge another's recovery proof", async () => {
  const relay = await start();
  const [owner, stranger] = [await VauchiClient.meet(relay, "owner"), await VauchiClient.meet(relay, "stranger")];
  const key_hash = idNamed("key");
  const store = (client: VauchiClient, byte: number): Promise<unknown> =>
    client.acknowledged(client.send({ type: "RecoveryProofStore", key_hash, proof_data: [byte] }));

  expect(await store(owner, 1)).toBe("Stored");
  expect(await store(stranger, 2)).toBe("Failed");
  stranger.send({ type: "PurgeRequest", include_recovery_proofs: true, recovery_key_hash: key_hash });
  expect((await stranger.hears("PurgeResponse")).payload).toMatchObject({ recovery_proofs_deleted: 0 });
  expect(await store(owner, 3)).toBe("Stored");
  stranger.send({ type: "RecoveryProofQuery", key_hashes: [key_hash] });

  expect((await stranger.hears("RecoveryProofResponse")).payload["proofs"]).toEqual([{ key_hash, proof_data: [3] }]);
});

it("[VAUCHI-24] stores device sync for one's own devices alone, within a quota, and with ids that are some", async () => {
  const relay = await start({ mailboxMaxMessagesPerMailbox: 3 });
  const owner = await VauchiClient.meet(relay, "owner");

  owner.send(deviceSync({ identity_id: idNamed("victim") }));
  expect(await owner.acknowledged(owner.send(deviceSync({ target_device_id: "x" })))).toBe("Failed");
  expect(await owner.acknowledged(owner.send(deviceSync({ sender_device_id: 7 })))).toBe("Failed");
  for (const status of ["Stored", "Stored", "Stored", "Failed"])
    expect(await owner.acknowledged(owner.send(deviceSync({})))).toBe(status);

  const victim = await VauchiClient.meet(relay, { client_id: idNamed("victim"), device_id: idNamed("d2") });
  await victim.settled();
});

it("[VAUCHI-23] acknowledges nothing that is not stored: a full mailbox, a full relay, a store that fails", async () => {
  const relay = await start({ mailboxMaxMessagesPerMailbox: 2, mailboxMaxMessages: 3 });
  const sender = await VauchiClient.meet(relay, "sender");
  const statuses: unknown[] = [];
  for (const name of ["a", "a", "a", "b", "c"]) statuses.push(await sender.acknowledged(sender.deposit(name, [1])));

  expect(statuses).toEqual(["Stored", "Stored", "Failed", "Stored", "Failed"]);
  expect(JSON.parse((await ask(relay, "/vauchi/health", {})).body)).toMatchObject({ status: "healthy", blob_count: 3 });
});

it("stores a message once that its sender sends again", async () => {
  const relay = await start();
  const sender = await VauchiClient.meet(relay, "sender");
  const id = sender.deposit("owner", [1]);
  expect(await sender.acknowledged(id)).toBe("Stored");
  sender.send({ type: "EncryptedUpdate", recipient_id: idNamed("owner"), ciphertext: [1] }, id);
  expect(await sender.acknowledged(id)).toBe("Stored");

  const owner = await VauchiClient.meet(relay, "owner");
  await owner.hears("EncryptedUpdate");
  await owner.settled();
});

it("[VAUCHI-22] ends a connection whose message is too large before all of it has come", async () => {
  const relay = await start({ mailboxMaxMessageBytes: 2000 });
  const client = await VauchiClient.meet(relay, "a");

  client.deposit(
    "b",
    Array.from({ length: 1500 }, () => 1),
  );

  expect(await client.closed()).toMatchObject({ code: 1009 });
});

it("[VAUCHI-5] passes over what is no message, and what would be costly to read", async () => {
  const relay = await start();
  const client = await VauchiClient.meet(relay, "a");
  const odd = [
    Buffer.alloc(0),
    Buffer.alloc(3),
    Buffer.from([0, 0, 0, 0, 0x7b]),
    Buffer.from(`\0\0\0\0${"[".repeat(500_000)}`),
    Buffer.from(`\0\0\0\0{"version":1,"message_id":"x","timestamp":1,"payload":${"{".repeat(200)}`),
    Buffer.concat([Buffer.alloc(4), randomBytes(500)]),
    frameOf({ type: "__proto__" }),
    frameOf({ type: "constructor" }),
    frameOf({ type: ["EncryptedUpdate"] }),
    frameOf({ type: "EncryptedUpdate", recipient_id: 7, ciphertext: [] }),
    frameOf({ type: "EncryptedUpdate", recipient_id: idNamed("b"), ciphertext: [1.5] }),
    frameOf({ type: "EncryptedUpdate", recipient_id: idNamed("b"), ciphertext: [-1] }),
    frameOf({ type: "EncryptedUpdate", recipient_id: idNamed("b"), ciphertext: [] }, "x".repeat(129)),
    frameOf({ type: "Acknowledgment", message_id: "x", status: "Invented" }),
    frameOf({ type: "DeviceSyncMessage", identity_id: idNamed("a"), encrypted_payload: [], version: 2 ** 60 }),
    frameOf({ type: "RecoveryProofQuery", key_hashes: "x" }),
    frameOf({ type: "PurgeRequest", include_device_sync: "yes" }),
  ];

  for (const frame of odd) client.socket.send(frame);

  await client.settled();
  expect(relay.logLines().filter(({ msg }) => msg === "session failed")).toEqual([]);
});

it("[VAUCHI-25] tells the other connection of a sender of a delivery when one of them has gone", async () => {
  const relay = await start();
  const [first, second] = [await VauchiClient.meet(relay, "sender"), await VauchiClient.meet(relay, "sender")];
  const id = second.deposit("owner", [1]);
  expect(await second.acknowledged(id)).toBe("Stored");
  first.socket.close(1000);
  await first.closed();

  await VauchiClient.meet(relay, "owner");

  expect(await second.acknowledged(id)).toBe("Delivered");
});

it("[VAUCHI-26] gives messages of one moment in the order in which they were deposited", async () => {
  const relay = await start();
  const sender = await VauchiClient.meet(relay, "sender");
  for (let index = 0; index < 200; index += 1) sender.deposit("owner", [index]);
  await sender.settled().catch(() => undefined);

  const owner = await VauchiClient.meet(relay, "owner");

  await eventually(() => expect(owner.heard).toHaveLength(201));
  expect(owner.heard.slice(1).map(({ payload }) => payload["ciphertext"])).toEqual(
    Array.from({ length: 200 }, (_, index) => [index]),
  );
});

it("[VAUCHI-11] keeps nothing in memory for a slow reader of a large mailbox, and others are served meanwhile", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const relay = await start({ ...options, mailboxMessagesPerMinute: 100_000, stalledReaderTimeoutMs: 200 });
  const sender = await VauchiClient.meet(relay, "sender");
  const bytes = Array.from({ length: 20_000 }, () => 255);
  for (let index = 0; index < 250; index += 1) sender.deposit("owner", bytes);
  await eventually(() => expect(sender.heard).toHaveLength(251));
  const before = process.memoryUsage().arrayBuffers;
  const slow = await VauchiClient.open(relay);
  slow.send({ type: "Handshake", client_id: idNamed("owner") });
  slow.socket.pause();

  await eventually(async () => {
    const other = await VauchiClient.meet(relay, "other");
    other.socket.terminate();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_000_000);
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 600);
  });
  slow.socket.resume();

  await eventually(() => expect(slow.heard).toHaveLength(251));
});

it("does not read a client that does not read its answers", async () => {
  const rates = { mailboxMessagesPerMinute: 1_000_000, mailboxRecoveriesPerMinute: 1_000_000 };
  const relay = await start({ ...rates, adminToken: ADMIN_TOKEN });
  const client = await VauchiClient.meet(relay, "a");
  const proof = Array.from({ length: 30_000 }, () => 200);
  await client.acknowledged(client.send({ type: "RecoveryProofStore", key_hash: idNamed("k"), proof_data: proof }));
  client.socket.pause();
  const question = frameOf({ type: "RecoveryProofQuery", key_hashes: [idNamed("k")] });

  for (let index = 0; index < 300; index += 1) client.socket.send(question);
  const waitingBytes = async (): Promise<number> =>
    Number(/^relay_outbox_bytes (\d+)$/m.exec((await askAsAdmin(relay, "/metrics")).body)?.[1]);
  // All answers together are 36 MB. When the kernel has what it takes, one more waits than may, and no other.
  await eventually(async () => expect(await waitingBytes()).toBeGreaterThan(500_000));
  const other = await VauchiClient.meet(relay, "other");
  for (let index = 0; index < 20; index += 1) await other.settled();
  expect(await waitingBytes()).toBeLessThan(2_000_000);
  client.socket.resume();

  await eventually(() => expect(client.heard).toHaveLength(302));
});

it("floods a thousand mailboxes from one sender only as far as the rate goes, and nobody else waits", async () => {
  const relay = await start({ mailboxMessagesPerMinute: 50 });
  const flooder = await VauchiClient.meet(relay, "flooder");
  for (let index = 0; index < 1000; index += 1) flooder.deposit(`victim ${index}`, [1]);
  const other = await VauchiClient.meet(relay, "other");

  expect(await other.acknowledged(other.deposit("friend", [2]))).toBe("Stored");

  await eventually(() => expect(flooder.heard.length).toBeGreaterThan(45));
  expect(flooder.heard.length).toBeLessThan(60);
  expect(JSON.parse((await ask(relay, "/vauchi/health", {})).body).blob_count).toBeLessThan(60);
});

it("shares the rate of an id between its connections, and gives a new connection no new one", async () => {
  const relay = await start({ mailboxMessagesPerMinute: 5 });
  const first = await VauchiClient.meet(relay, "a");
  for (let index = 0; index < 5; index += 1) await first.acknowledged(first.deposit("b", [index]));
  first.socket.close(1000);
  await first.closed();

  const second = await VauchiClient.meet(relay, "a");
  second.deposit("b", [9]);
  const other = await VauchiClient.meet(relay, "c");
  await other.acknowledged(other.deposit("d", [1]));

  expect(second.heard).toHaveLength(1);
});

it("writes no id, no token and no content into the log", async () => {
  const relay = await start({ accessLog: "all" });
  const owner = new VauchiIdentity();
  const sender = await VauchiClient.meet(relay, { ...owner.proof(), routing_token: idNamed("token") });
  await sender.acknowledged(sender.deposit("owner", [222, 173, 190, 239], { sender_id: owner.clientId }));
  sender.socket.close(1000);
  await sender.closed();

  const log = JSON.stringify(relay.logLines());
  for (const secret of [owner.clientId, idNamed("token"), idNamed("owner"), "222,173,190,239"])
    expect(log).not.toContain(secret);
});
