import { describe, expect, it, onTestFinished } from "vitest";
import { utf8 } from "../../client/data.ts";
import { type KeyPair, newKeyPair } from "../../client/identity/key-pair.ts";
import { identityOf } from "../../client/identity/member-identity.ts";
import { connect as connectAnywhere } from "../../client/index.ts";
import { OwnerKeys } from "../../client/mailbox/owner-keys.ts";
import { sealDeposit } from "../../client/mailbox/sealed-deposit.ts";
import { type Mailbox, type Mailboxes, type MailboxMessage, mailboxesOf } from "../../client/mailbox.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { connect as connectOnNode } from "../../client/node.ts";
import type { ConnectOptions, Relay } from "../../client/relay.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import type { Config } from "../../relay/config/options.ts";
import { Client } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

type Connect = (address: string, options?: ConnectOptions) => Relay;

function start(options: Partial<Config> = {}): Promise<TestRelay> {
  return startRelay({ tls: "off", mailboxStore: "memory", ...options });
}

function mailboxesAt(
  relay: Pick<TestRelay, "url">,
  connect: Connect = connectOnNode,
  options?: ConnectOptions,
): Mailboxes {
  const client = connect(relay.url, { reconnect: { minDelayMs: 10, maxDelayMs: 100 }, ...options });
  onTestFinished(() => client.close());
  return mailboxesOf(client);
}

/** What waits, as text. */
async function waiting(mailbox: Mailbox): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text } of mailbox.messages({ live: false })) texts.push(text);
  return texts;
}

async function next(messages: AsyncIterator<MailboxMessage, undefined>): Promise<MailboxMessage> {
  const { value } = await messages.next();
  if (value === undefined) throw new Error("it has ended");
  return value;
}

function codeOf(failing: Promise<unknown>): Promise<unknown> {
  return failing.then(
    () => "done",
    (error: { readonly code?: unknown }) => error.code,
  );
}

describe.each([
  ["memory, by node:crypto", "memory", connectOnNode],
  ["memory, by WebCrypto", "memory", connectAnywhere],
  ["sqlite, by node:crypto", "sqlite", connectOnNode],
] as ["memory, by node:crypto", "memory" | "sqlite", Connect][])("a mailbox in %s", (_name, mailboxStore, connect) => {
  const options = async (): Promise<Partial<Config>> =>
    mailboxStore === "memory" ? { mailboxStore } : { mailboxStore, mailboxDirectory: await storeDirectory() };

  it("gives what waited while its owner was away, oldest first, and then what comes", async () => {
    const relay = await start(await options());
    const owner = await newKeyPair();
    await (await mailboxesAt(relay, connect).open(owner)).close();
    const sender = mailboxesAt(relay, connect);
    await sender.deposit(owner.publicKey, "one");
    await sender.deposit(owner.publicKey, Uint8Array.of(0, 255));

    const mailbox = await mailboxesAt(relay, connect).open(owner);
    const messages = mailbox.messages();
    const [one, two] = [await next(messages), await next(messages)];
    const { id } = await sender.deposit(owner.publicKey, "live");
    const live = await next(messages);

    expect([one.text, [...two.data], live.text]).toEqual(["one", [0, 255], "live"]);
    expect([one.sequence < two.sequence, two.sequence < live.sequence, live.id]).toEqual([true, true, id]);
    expect(one.from).toBeUndefined();
    expect(mailbox.publicKey).toBe(owner.publicKey);
  });

  it("gives it again until it is deleted, to each device behind what that has", async () => {
    const relay = await start(await options());
    const owner = await newKeyPair();
    const phone = await mailboxesAt(relay, connect).open(owner);
    const sender = mailboxesAt(relay, connect);
    for (const text of ["1", "2", "3"]) await sender.deposit(owner.publicKey, text);
    const messages = phone.messages();
    const [first, second] = [await next(messages), await next(messages)];

    await phone.delete(first);

    const [laptop, tablet] = [mailboxesAt(relay, connect), mailboxesAt(relay, connect)];
    expect(await waiting(await laptop.open(owner))).toEqual(["2", "3"]);
    expect(await waiting(await tablet.open(owner, { after: second.sequence }))).toEqual(["3"]);
  });
});

it("tells from whom a message is where its sender has signed it, and the relay nothing of that", async () => {
  const relay = await start({ accessLog: "all" });
  const [owner, sender] = [await newKeyPair(), await newKeyPair()];
  const mailbox = await mailboxesAt(relay).open(owner);

  await mailboxesAt(relay).deposit(owner.publicKey, "signed", { from: sender });

  const message = await next(mailbox.messages());
  expect([message.text, message.from]).toEqual(["signed", sender.publicKey]);
  const log = JSON.stringify(relay.logLines());
  for (const key of [owner.publicKey, sender.publicKey]) expect(log).not.toContain(key);
});

it("reaches a member that has left, by the key that it proved in a topic", async () => {
  const relay = await start();
  const [owner, sender] = [await newKeyPair(), await newKeyPair()];
  const [ownEnd, otherEnd] = [connectOnNode(relay.url), connectOnNode(relay.url)];
  for (const end of [ownEnd, otherEnd]) onTestFinished(() => end.close());
  const secret = newSecret();
  const topic = await otherEnd.join({ secret }, { identity: identityOf(sender) });
  const own = await ownEnd.join({ secret }, { identity: identityOf(owner) });
  await (await mailboxesOf(ownEnd).open(owner)).close();
  await eventually(() => expect(topic.peers.size).toBe(1));
  const [peer] = topic.peers.values();
  await own.leave();
  await eventually(() => expect(topic.peers.size).toBe(0));

  await mailboxesOf(otherEnd).deposit(peer?.publicKey ?? "", "you have left", { from: sender });

  const message = await next((await mailboxesOf(ownEnd).open(owner)).messages());
  expect([message.text, message.from]).toEqual(["you have left", sender.publicKey]);
});

it("keeps the order of deposits that do not wait for each other, and gives each once", async () => {
  const relay = await start({ mailboxMaxMessagesPerMailbox: 0 });
  const owner = await newKeyPair();
  const mailbox = await mailboxesAt(relay).open(owner);
  const sender = mailboxesAt(relay);
  const texts = Array.from({ length: 300 }, (_, index) => `${index}`);

  await Promise.all(texts.map((text) => sender.deposit(owner.publicKey, text)));

  expect(await waiting(mailbox)).toEqual(texts);
});

it("goes on over a restart of the relay: nothing is lost or given twice, and what is deposited meanwhile waits", async () => {
  const options = { mailboxStore: "sqlite", mailboxDirectory: await storeDirectory() } as const;
  const first = await start(options);
  const owner = await newKeyPair();
  const mailbox = await mailboxesAt(first).open(owner);
  const sender = mailboxesAt(first);
  await sender.deposit(owner.publicKey, "before");
  const messages = mailbox.messages();
  expect((await next(messages)).text).toBe("before");
  await first.stop();

  const deposited = sender.deposit(owner.publicKey, "while it is down");
  await start({ ...options, port: first.port });
  await deposited;
  await sender.deposit(owner.publicKey, "after");

  expect([(await next(messages)).text, (await next(messages)).text]).toEqual(["while it is down", "after"]);
  await mailbox.close();
  expect(await messages.next()).toEqual({ done: true, value: undefined });
});

it("goes by the long poll where no WebSocket gets through", async () => {
  const relay = await start();
  const owner = await newKeyPair();
  const options = { transports: ["polling"] } as const;
  const mailbox = await mailboxesAt(relay, connectOnNode, options).open(owner);
  const messages = mailbox.messages();

  await mailboxesAt(relay, connectOnNode, options).deposit(owner.publicKey, "by polls");

  const message = await next(messages);
  expect(message.text).toBe("by polls");
  await mailbox.delete(message);
  expect(await waiting(await mailboxesAt(relay).open(owner))).toEqual([]);
});

it("lets what the app does not read wait at the relay, and gives all of it", async () => {
  const relay = await start({ mailboxMaxMessagesPerMailbox: 0, mailboxMaxBytesPerMailbox: 0 });
  const owner = await newKeyPair();
  const mailbox = await mailboxesAt(relay).open(owner);
  const sender = mailboxesAt(relay);
  const data = "x".repeat(20_000);
  const deposits = Array.from({ length: 500 }, (_, index) => sender.deposit(owner.publicKey, `${index} ${data}`));
  await Promise.all(deposits);

  const seen: number[] = [];
  for await (const message of mailbox.messages({ live: false })) {
    seen.push(Number.parseInt(message.text, 10));
    if (seen.length % 100 === 0) await mailbox.delete(message);
  }

  expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index));
});

it("takes what its owner allows alone: by a secret, or of those whose keys it named, who show them to the relay", async () => {
  const relay = await start();
  const [owner, friend, stranger] = [await newKeyPair(), await newKeyPair(), await newKeyPair()];
  const mailbox = await mailboxesAt(relay).open(owner);
  const to = owner.publicKey;
  const sender = mailboxesAt(relay);

  await mailbox.setBounds({ secret: "s3cret" });
  expect(await codeOf(sender.deposit(to, "x"))).toBe("deposit-refused");
  expect(await codeOf(sender.deposit(to, "x", { secret: "guess" }))).toBe("deposit-refused");
  expect(await codeOf(sender.deposit(to, "by secret", { secret: "s3cret" }))).toBe("done");
  await mailbox.setBounds({ depositors: [friend.publicKey] });
  expect(await codeOf(sender.deposit(to, "x", { from: friend }))).toBe("deposit-refused");
  expect(await codeOf(sender.deposit(to, "x", { from: stranger, showToRelay: true }))).toBe("deposit-refused");
  expect(await codeOf(sender.deposit(to, "by key", { from: friend, showToRelay: true }))).toBe("done");
  await mailbox.setBounds({});
  expect(await codeOf(mailboxesAt(relay).deposit(to, "by anybody"))).toBe("done");

  expect(await waiting(mailbox)).toEqual(["by secret", "by key", "by anybody"]);
});

it("says why with a typed error", async () => {
  const owner = await newKeyPair();
  const to = owner.publicKey;
  const off = mailboxesAt(await startRelay({ tls: "off" }));
  expect(await codeOf(off.open(owner))).toBe("mailboxes-off");
  expect(await codeOf(off.deposit(to, "x"))).toBe("mailboxes-off");

  const relay = await start({ mailboxMaxMessagesPerMailbox: 1, maxFrameBytes: 10_000 });
  const mailboxes = mailboxesAt(relay);
  expect(await codeOf(mailboxes.deposit(to, "x"))).toBe("no-such-mailbox");
  const mailbox = await mailboxes.open(owner);
  expect(await codeOf(mailboxes.open(owner))).toBe("option-invalid");
  expect(await codeOf(mailboxes.deposit(to, "x".repeat(9000)))).toBe("payload-too-large");
  await mailboxes.deposit(to, "fills it");
  expect(await codeOf(mailboxes.deposit(to, "x"))).toBe("mailbox-full");
  for (const [data, options] of [
    ["", {}],
    ["x", { id: "no id" }],
    ["x", { expiresInMs: 0 }],
    ["x", { showToRelay: true }],
  ] as const) {
    expect(await codeOf(mailboxes.deposit(to, data, options))).toMatch(/^(data|option)-invalid$/);
  }
  expect(await codeOf(mailboxes.deposit("no key", "x"))).toBe("key-invalid");
  expect(await codeOf(mailboxes.open(await newKeyPair({ isExtractable: false })))).toBe("key-invalid");
  await mailbox.close();
  expect(await codeOf(mailbox.delete(1))).toBe("closed");
});

it("wants a token with the verb mailbox, and ends with the relay client", async () => {
  const relay = await start(await tokenOptions());
  const withVerbs = async (verbs: readonly string[]): Promise<Mailboxes> =>
    mailboxesAt(relay, connectOnNode, { token: await token({ claims: { verbs } }) });
  const owner = await newKeyPair();

  expect(await codeOf((await withVerbs(["join", "publish"])).open(owner))).toBe("not-permitted");
  const mailboxes = await withVerbs(["mailbox"]);
  await mailboxes.open(owner);
  expect(await codeOf(mailboxes.deposit(owner.publicKey, "x"))).toBe("done");
});

it("deposits once what is deposited again under its id, and in place of what has its collapse key", async () => {
  const relay = await start();
  const owner = await newKeyPair();
  const to = owner.publicKey;
  const mailbox = await mailboxesAt(relay).open(owner);
  await mailbox.close();
  const sender = mailboxesAt(relay);

  for (const text of ["once", "again"]) await sender.deposit(to, text, { id: "same" });
  for (const text of ["old", "new"]) await sender.deposit(to, text, { collapseKey: "state" });
  await sender.deposit(to, "gone", { expiresInMs: 1 });
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });

  expect(await waiting(await mailboxesAt(relay).open(owner))).toEqual(["once", "new"]);
});

it("makes a fault of what is not sealed for it, or was changed, or stands under another id; and goes on", async () => {
  const relay = await start();
  const [owner, other] = [await newKeyPair(), await newKeyPair()];
  const mailbox = await mailboxesAt(relay).open(owner);
  const faults: string[] = [];
  mailbox.on("fault", ({ id }) => faults.push(id));
  const forOwner = await sealedFor(owner, "for the owner");
  const forOther = await sealedFor(other, "for another");
  const raw = await Client.openV1(relay);
  const put = async (id: string, data: string): Promise<void> => {
    raw.send({ type: "deposit", mailbox: owner.publicKey, id, data });
    await raw.next();
  };
  const flipped = (at: number): string => {
    const bytes = Buffer.from(forOwner.data, "base64");
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes.toString("base64");
  };

  await put("junk", "AAAA");
  await put("no-base64", "hello there");
  await put("of-another", forOther.data);
  for (const at of [0, 5, 33, 40]) await put(`changed-${at}`, flipped(at));
  await put("renamed", forOwner.data);
  await put(forOwner.id, forOwner.data);

  const message = await next(mailbox.messages());
  expect([message.text, message.id]).toEqual(["for the owner", forOwner.id]);
  expect(faults).toEqual([
    "junk",
    "no-base64",
    "of-another",
    "changed-0",
    "changed-5",
    "changed-33",
    "changed-40",
    "renamed",
  ]);
});

it("gives a message once that is deposited again behind its deletion, as after an answer that was lost", async () => {
  const relay = await start();
  const owner = await newKeyPair();
  const mailbox = await mailboxesAt(relay).open(owner);
  const sender = mailboxesAt(relay);
  const messages = mailbox.messages();
  await sender.deposit(owner.publicKey, "once", { id: "same" });
  await mailbox.delete(await next(messages));

  await sender.deposit(owner.publicKey, "once", { id: "same" });
  await sender.deposit(owner.publicKey, "later");

  expect((await next(messages)).text).toBe("later");
  await eventually(async () => {
    expect(await waiting(await mailboxesAt(relay).open(owner))).toEqual(["later"]);
  });
});

/** What somebody seals for an owner, as the relay has it. */
async function sealedFor(owner: KeyPair, text: string): Promise<{ readonly id: string; readonly data: string }> {
  const cryptography = new NodeCryptography();
  const { agreement, publicKey } = await OwnerKeys.of(cryptography, owner);
  const to = { mailbox: publicKey, key: agreement.publicKey, id: "sealed" };
  const sealed = await sealDeposit(cryptography, to, utf8(text), undefined);
  return { id: to.id, data: Buffer.from(sealed).toString("base64") };
}
