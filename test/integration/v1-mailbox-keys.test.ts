import { expect, it } from "vitest";
import { mailboxKeyText } from "../../protocol/v1-mailbox-messages.ts";
import type { Config } from "../../relay/config/options.ts";
import { Client, type Received } from "../support/client.ts";
import { Owner } from "../support/mailbox-owner.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

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

it("holds to the owner's bounds over a restart, and to the last ones from when they were said", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const first = await start(options);
  const owner = new Owner();
  const { mailbox } = owner;
  const [mine, sender] = [await Client.openV1(first), await Client.openV1(first)];
  expect(await deposit(sender, mailbox, "MQ==")).toMatchObject({ type: "deposited" });
  await owner.open(mine, 1);
  mine.send({ type: "bound-mailbox", mailbox, secret: "one" });
  mine.send({ type: "bound-mailbox", mailbox, secret: "two" });
  await mine.settled();
  expect(await deposit(sender, mailbox, "Mg==", { secret: "one" })).toMatchObject({ code: "deposit-refused" });
  expect(await deposit(sender, mailbox, "Mg==", { secret: "two" })).toMatchObject({ type: "deposited" });
  await first.stop();

  const later = await Client.openV1(await start(options));

  expect(await deposit(later, mailbox, "Mw==", { secret: "one" })).toMatchObject({ code: "deposit-refused" });
  expect(await deposit(later, mailbox, "Mw==", { secret: "two" })).toMatchObject({ type: "deposited" });
});

it("keeps the key to which an owner wants deposits sealed, for whoever asks, over a restart, and no other's", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const first = await start(options);
  const [owner, stranger] = [new Owner(), new Owner()];
  const { mailbox } = owner;
  const key = new Owner().mailbox;
  const publication = (by: Owner): object => ({
    type: "publish-key",
    mailbox,
    key,
    signature: by.sign(mailboxKeyText(mailbox, key)),
    ref: 3,
  });
  const [mine, sender] = [await Client.openV1(first), await Client.openV1(first)];
  sender.send({ type: "find-key", mailbox, ref: 4 });
  expect(await sender.next()).toMatchObject({ type: "error", code: "no-such-mailbox", ref: 4 });
  sender.send(publication(owner));
  expect(await sender.next()).toMatchObject({ code: "mailbox-not-open" });
  await owner.open(mine);
  mine.send(publication(stranger));
  expect(await mine.next()).toMatchObject({ code: "proof-invalid" });
  mine.send(publication(owner));
  expect(await mine.next()).toEqual({ type: "key-published", mailbox, ref: 3 });
  await first.stop();

  const later = await Client.openV1(await start(options));
  later.send({ type: "find-key", mailbox, ref: 5 });

  expect(await later.next()).toEqual({
    type: "mailbox-key",
    mailbox,
    key,
    signature: owner.sign(mailboxKeyText(mailbox, key)),
    maxPayloadBytes: expect.any(Number),
    ref: 5,
  });
});

it("says when all that waited has been given, and when a message is deleted, to who asks for it", async () => {
  const relay = await start();
  const owner = new Owner();
  const { mailbox } = owner;
  const [client, sender] = [await Client.openV1(relay), await Client.openV1(relay)];
  for (const data of ["MQ==", "Mg=="]) await deposit(sender, mailbox, data);

  await owner.open(client, undefined, { marksCurrent: true });

  expect(await dataOf(client, 2)).toEqual(["MQ==", "Mg=="]);
  expect(await client.next()).toEqual({ type: "mailbox-current", mailbox });
  client.send({ type: "delete", mailbox, sequence: 1, ref: 7 });
  expect(await client.next()).toEqual({ type: "deleted", mailbox, sequence: 1, ref: 7 });
});

it("gives nothing more of a mailbox that was closed until it is opened again; its owner it stays", async () => {
  const relay = await start();
  const owner = new Owner();
  const { mailbox } = owner;
  const [client, sender] = [await Client.openV1(relay), await Client.openV1(relay)];
  client.send({ type: "close-mailbox", mailbox });
  expect(await client.next()).toMatchObject({ code: "mailbox-not-open" });
  await owner.open(client);

  client.send({ type: "close-mailbox", mailbox });
  await client.settled();
  for (const data of ["MQ==", "Mg=="]) await deposit(sender, mailbox, data);
  await client.expectNothing();
  client.send({ type: "delete", mailbox, sequence: 1, ref: 7 });
  expect(await client.next()).toMatchObject({ type: "deleted", sequence: 1 });

  await owner.open(client);
  expect(await dataOf(client, 1)).toEqual(["Mg=="]);
});
