import { expect, it } from "vitest";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { mailboxProofText } from "../../protocol/v1-mailbox-messages.ts";
import type { Config } from "../../relay/config/options.ts";
import { Client, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { Owner } from "../support/mailbox-owner.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const HOUR_MS = 3_600_000;

function start(options: Partial<Config> = {}): Promise<TestRelay> {
  return startRelay({ mailboxStore: "memory", ...options });
}

async function deposit(client: Client, mailbox: string, data: string, more: object = {}): Promise<Received> {
  client.send({ type: "deposit", mailbox, data, ref: 9, ...more });
  return client.next();
}

/** The next messages of a mailbox, as they were deposited. */
async function dataOf(client: Client, count: number): Promise<readonly unknown[]> {
  return (await client.take(count)).map(({ data }) => data);
}

it("keeps what is deposited for the owner of a key, gives it oldest first, and then what comes", async () => {
  const relay = await start();
  const owner = new Owner();
  const sender = await Client.openV1(relay);
  const first = await deposit(sender, owner.mailbox, "aGVsbG8=");
  expect(first).toEqual({
    type: "deposited",
    mailbox: owner.mailbox,
    id: expect.stringMatching(/^[\w-]{36}$/),
    ref: 9,
  });
  await deposit(sender, owner.mailbox, 'no base64 \u{1f6aa} "\\\n', { id: "mine" });

  const client = await Client.openV1(relay);
  expect(await owner.open(client)).toEqual({ type: "mailbox-opened", mailbox: owner.mailbox, ref: 2 });
  const [one, two] = await client.take(2);
  await deposit(sender, owner.mailbox, "bGl2ZQ==");

  const depositedAtMs = expect.any(Number);
  expect(one).toEqual({
    type: "mailbox-message",
    mailbox: owner.mailbox,
    sequence: 1,
    id: first["id"],
    depositedAtMs,
    data: "aGVsbG8=",
  });
  expect(two).toMatchObject({ sequence: 2, id: "mine", data: 'no base64 \u{1f6aa} "\\\n' });
  expect(await client.next()).toMatchObject({ sequence: 3, data: "bGl2ZQ==" });
});

it("keeps it over restarts until it is deleted, each device with a cursor of its own", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const first = await start(options);
  const owner = new Owner();
  const sender = await Client.openV1(first);
  for (const data of ["MQ==", "Mg==", "Mw=="]) await deposit(sender, owner.mailbox, data);
  const phone = await Client.openV1(first);
  await owner.open(phone);
  const [one] = await phone.take(3);
  phone.send({ type: "delete", mailbox: owner.mailbox, sequence: one?.["sequence"] });
  await phone.settled();
  await first.stop();

  const second = await start(options);
  const [all, later] = [await Client.openV1(second), await Client.openV1(second)];
  await owner.open(all);
  await owner.open(later, 2);

  expect(await dataOf(all, 2)).toEqual(["Mg==", "Mw=="]);
  expect(await dataOf(later, 1)).toEqual(["Mw=="]);
  await later.expectNothing();
});

it("stores a deposit once that is sent again under its id, and in place of another with its collapse key", async () => {
  const relay = await start();
  const owner = new Owner();
  const sender = await Client.openV1(relay);
  for (const data of ["MQ==", "Mg=="]) await deposit(sender, owner.mailbox, data, { id: "same" });
  for (const data of ["Mw==", "NA=="]) await deposit(sender, owner.mailbox, data, { collapseKey: "state" });

  const client = await Client.openV1(relay);
  await owner.open(client);

  expect(await dataOf(client, 2)).toEqual(["MQ==", "NA=="]);
  await client.expectNothing();
});

it("keeps a deposit no longer than its sender wants, and says nothing of one that has expired", async () => {
  const relay = await start();
  const owner = new Owner();
  const sender = await Client.openV1(relay);
  await deposit(sender, owner.mailbox, "MQ==", { expiresInMs: 1 });
  await deposit(sender, owner.mailbox, "Mg==", { expiresInMs: HOUR_MS });
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });

  const client = await Client.openV1(relay);
  await owner.open(client);

  expect(await dataOf(client, 1)).toEqual(["Mg=="]);
});

it("opens no mailbox for who does not have its key: another's, an old or a changed answer, one for another connection", async () => {
  const relay = await start();
  const [owner, stranger] = [new Owner(), new Owner()];
  const { mailbox } = owner;
  const [client, other] = [await Client.openV1(relay), await Client.openV1(relay)];
  const challenge = async (from: Client): Promise<Received> => {
    from.send({ type: "open-mailbox", mailbox });
    return from.next();
  };
  const prove = async (by: Client, signature: string): Promise<unknown> => {
    by.send({ type: "prove", mailbox, signature });
    return (await by.next())["code"];
  };

  expect(await prove(client, owner.sign("anything"))).toBe("mailbox-not-open");
  const { host, nonce } = await challenge(client);
  const text = mailboxProofText(mailbox, { host: String(host), nonce: String(nonce) });
  expect(await prove(client, stranger.sign(text))).toBe("proof-invalid");
  // A challenge is good once.
  expect(await prove(client, owner.sign(text))).toBe("mailbox-not-open");
  await challenge(other);
  expect(await prove(other, owner.sign(text))).toBe("proof-invalid");
  const elsewhere = await challenge(client);
  const forOther = mailboxProofText(mailbox, { host: "evil.example", nonce: String(elsewhere["nonce"]) });
  expect(await prove(client, owner.sign(forOther))).toBe("proof-invalid");
  // No point of the curve: nobody's.
  const noKey = Buffer.concat([Buffer.from([2]), Buffer.alloc(31)]).toString("base64url");
  client.send({ type: "open-mailbox", mailbox: noKey });
  await client.next();
  client.send({ type: "prove", mailbox: noKey, signature: owner.sign("x") });
  expect((await client.next())["code"]).toBe("proof-invalid");
});

it("lets nobody read on, delete or bound what it has not proved", async () => {
  const relay = await start();
  const owner = new Owner();
  const sender = await Client.openV1(relay);
  await deposit(sender, owner.mailbox, "MQ==");

  for (const message of [
    { type: "delete", mailbox: owner.mailbox, sequence: 1 },
    { type: "bound-mailbox", mailbox: owner.mailbox, secret: "mine" },
  ]) {
    sender.send(message);
    expect((await sender.next())["code"]).toBe("mailbox-not-open");
  }

  const client = await Client.openV1(relay);
  await owner.open(client);
  expect(await dataOf(client, 1)).toEqual(["MQ=="]);
});

it("takes deposits within the owner's bounds alone: by a secret, or of those whose keys it named", async () => {
  const relay = await start();
  const [owner, friend] = [new Owner(), new Owner()];
  const { mailbox } = owner;
  const [mine, friends, stranger] = [
    await Client.openV1(relay),
    await Client.openV1(relay),
    await Client.openV1(relay),
  ];
  await owner.open(mine);
  await friend.open(friends);
  const bound = async (bounds: object): Promise<void> => {
    mine.send({ type: "bound-mailbox", mailbox, ...bounds });
    expect(await mine.next()).toEqual({ type: "mailbox-bounded", mailbox });
  };
  const outcome = async (client: Client, more: object = {}): Promise<unknown> => {
    const { type, code } = await deposit(client, mailbox, "MQ==", more);
    return code ?? type;
  };

  await bound({ secret: "s3cret" });
  expect(await outcome(stranger)).toBe("deposit-refused");
  expect(await outcome(stranger, { secret: "guess" })).toBe("deposit-refused");
  expect(await outcome(stranger, { secret: "s3cret" })).toBe("deposited");
  await mine.next();
  await bound({ depositors: [friend.mailbox] });
  expect(await outcome(stranger, { secret: "s3cret" })).toBe("deposit-refused");
  expect(await outcome(friends)).toBe("deposited");
  await mine.next();
  await bound({ depositors: [] });
  expect(await outcome(friends)).toBe("deposit-refused");
  await bound({});
  expect(await outcome(stranger)).toBe("deposited");
});

it("says why with a typed error: no mailboxes, a full one, a large payload, too many, no key", async () => {
  const off = await Client.openV1(await startRelay());
  const { mailbox } = new Owner();
  expect(await deposit(off, mailbox, "MQ==")).toMatchObject({ code: "mailboxes-off", ref: 9 });

  const relay = await start({ mailboxMaxMessagesPerMailbox: 1, maxTopicsPerConnection: 2, maxFrameBytes: 10_000 });
  const client = await Client.openV1(relay);
  await deposit(client, mailbox, "MQ==");
  expect(await deposit(client, mailbox, "MQ==")).toMatchObject({ code: "mailbox-full" });
  expect(await deposit(client, mailbox, "x".repeat(9000))).toMatchObject({ code: "payload-too-large" });
  expect(await deposit(client, "short", "MQ==")).toMatchObject({ code: "mailbox-invalid" });
  for (const code of [undefined, undefined, "too-many-mailboxes"]) {
    client.send({ type: "open-mailbox", mailbox: new Owner().mailbox });
    expect((await client.next())["code"]).toBe(code);
  }
});

it("wants a token with the verb mailbox, which a token of before does not have", async () => {
  const relay = await start(await tokenOptions());
  const open = async (verbs?: readonly string[]): Promise<Client> => {
    const authorization = `Bearer ${await token({ claims: { verbs } })}`;
    return Client.open(relay, { subprotocols: [SUBPROTOCOL_V1], headers: { authorization } });
  };
  const { mailbox } = new Owner();

  expect(await deposit(await open(), mailbox, "MQ==")).toMatchObject({ code: "not-permitted" });
  expect(await deposit(await open(["join", "publish"]), mailbox, "MQ==")).toMatchObject({ code: "not-permitted" });
  expect(await deposit(await open(["mailbox"]), mailbox, "MQ==")).toMatchObject({ type: "deposited" });
});

it("tells with joined that it keeps mailboxes, and only where it does", async () => {
  const [, joined] = await openV1(await start(), "t");

  expect(joined["features"]).toEqual(["congestion", "lists", "ping", "presence", "takeover", "mailbox", "polling"]);
});

it("keeps a connection that is in no topic, but has a mailbox", async () => {
  const relay = await start({ joinTimeoutMs: 200 });
  const [used, idle] = [await Client.openV1(relay), await Client.openV1(relay)];
  await new Owner().open(used);

  expect(await idle.closed()).toMatchObject({ code: 1008 });
  await used.settled();
});

it("gives a large mailbox as its reader takes it, and its topics do not wait for that", async () => {
  const relay = await start({ mailboxMaxMessagesPerMailbox: 0, mailboxMaxBytesPerMailbox: 0 });
  const owner = new Owner();
  const sender = await Client.openV1(relay);
  const data = "QUJD".repeat(5000);
  for (let index = 0; index < 300; index += 1) sender.send({ type: "deposit", mailbox: owner.mailbox, data });
  expect(await sender.take(300)).toHaveLength(300);
  const [reader] = await openV1(relay, "t", "reader");
  const [talker] = await openV1(relay, "t", "talker");
  await reader.next();
  await owner.open(reader);
  reader.socket.pause();
  for (let index = 0; index < 50; index += 1) talker.send({ type: "data", topic: "t", data: "aGk=" });
  await talker.settled();

  expect(relay.figures().pauses).toBe(0);
  reader.socket.resume();
  const received = await reader.take(350);

  expect(received.filter(({ type }) => type === "data")).toHaveLength(50);
  const sequences = received.filter(({ type }) => type === "mailbox-message").map(({ sequence }) => sequence);
  expect(sequences).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
});

it("reads nothing more of who deposits faster than the store takes it, and answers all of it", async () => {
  const relay = await start({ mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() });
  const { mailbox } = new Owner();
  const sender = await Client.openV1(relay);

  for (let index = 0; index < 500; index += 1) sender.send({ type: "deposit", mailbox, data: "MQ==", id: `${index}` });

  const answers = await sender.take(500);
  expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`));
});

it("tells depositors nothing of who owns a mailbox, and writes no key, secret or content into the log", async () => {
  const relay = await start({ accessLog: "all" });
  const owner = new Owner();
  const [sender, client] = [await Client.openV1(relay), await Client.openV1(relay)];
  await owner.open(client);
  await deposit(sender, owner.mailbox, "c2VjcmV0", { secret: "my-secret" });
  await client.next();
  await sender.expectNothing();
  client.socket.close(1000);
  await client.closed();

  await eventually(() => expect(relay.logLines().some(({ msg }) => msg === "close")).toBe(true));
  const log = JSON.stringify(relay.logLines());
  for (const secret of [owner.mailbox, "my-secret", "c2VjcmV0"]) expect(log).not.toContain(secret);
});

it("gives nothing more, and takes nothing back, behind a planned stop", async () => {
  const relay = await start({ drainTimeoutMs: 2000 });
  const owner = new Owner();
  const client = await Client.openV1(relay);
  await owner.open(client);
  const sender = await Client.openV1(relay);
  await deposit(sender, owner.mailbox, "MQ==");
  expect(await dataOf(client, 1)).toEqual(["MQ=="]);

  await relay.stop();

  expect([await client.closed(), await sender.closed()].map(({ code }) => code)).toEqual([1012, 1012]);
});
