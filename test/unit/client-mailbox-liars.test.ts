import { expect, it, onTestFinished } from "vitest";
import { toBase64, toBase64url } from "../../client/base64url.ts";
import { systemClock } from "../../client/clock.ts";
import { utf8 } from "../../client/data.ts";
import { sign } from "../../client/identity/curves.ts";
import { type KeyPair, newKeyPair } from "../../client/identity/key-pair.ts";
import { Line } from "../../client/line/line.ts";
import type { Mailbox } from "../../client/mailbox/mailbox.ts";
import { OwnerKeys } from "../../client/mailbox/owner-keys.ts";
import { RelayMailboxes } from "../../client/mailbox/relay-mailboxes.ts";
import { sealDeposit } from "../../client/mailbox/sealed-deposit.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import {
  encodeV1MailboxRelayMessage,
  mailboxKeyText,
  type V1MailboxRelayMessage,
} from "../../protocol/v1-mailbox-messages.ts";
import { eventually } from "../support/eventually.ts";
import { ScriptedRelay, type ScriptedSocket } from "../support/scripted-relay.ts";

const HOST = "relay.example";
const cryptography = new NodeCryptography();

/** The mailboxes at a relay whose words are the test's. */
class Scene {
  readonly relay = new ScriptedRelay();
  readonly mailboxes: RelayMailboxes;

  constructor() {
    const address = `wss://${HOST}/`;
    const options = { address, reconnect: { minDelayMs: 1, maxDelayMs: 2 }, connectTimeoutMs: 10_000 };
    const parts = { clock: systemClock, random: () => 0, dial: this.relay.dial };
    this.mailboxes = new RelayMailboxes({
      clock: systemClock,
      cryptography,
      address,
      openLine: (events) => new Line(parts, options, events),
    });
    onTestFinished(() => this.mailboxes.close());
  }

  /** The connection, once it was dialled. */
  async connected(): Promise<ScriptedSocket> {
    await eventually(() => expect(this.relay.sockets).toHaveLength(1));
    this.relay.last.open();
    return this.relay.last;
  }

  say(message: V1MailboxRelayMessage): void {
    this.relay.last.say(encodeV1MailboxRelayMessage(message));
  }

  /** Answers as a relay does that has nothing to hide. */
  async open(owner: KeyPair): Promise<Mailbox> {
    const opened = this.mailboxes.open(owner);
    const socket = await this.connected();
    const mailbox = owner.publicKey;
    await this.asked(socket, "open-mailbox");
    this.say({ type: "challenge", mailbox, host: HOST, nonce: "n", ref: socket.of("open-mailbox").at(-1)?.ref });
    await this.asked(socket, "prove");
    this.say({ type: "mailbox-opened", mailbox, ref: socket.of("prove").at(-1)?.ref });
    await this.asked(socket, "publish-key");
    this.say({ type: "key-published", mailbox, ref: socket.of("publish-key").at(-1)?.ref });
    return opened;
  }

  async asked(socket: ScriptedSocket, type: "open-mailbox" | "prove" | "publish-key" | "find-key"): Promise<void> {
    await eventually(() => expect(socket.of(type).length).toBeGreaterThan(0));
  }
}

/** A message for an owner, as a relay gives it. */
async function messageFor(owner: KeyPair, sequence: number, text: string): Promise<V1MailboxRelayMessage> {
  const { agreement, publicKey } = await OwnerKeys.of(cryptography, owner);
  const id = `m-${sequence}`;
  const sealed = await sealDeposit(
    cryptography,
    { mailbox: publicKey, key: agreement.publicKey, id },
    utf8(text),
    undefined,
  );
  const about = { type: "mailbox-message", mailbox: publicKey, depositedAtMs: 1 } as const;
  return { ...about, sequence, id, data: toBase64(sealed) };
}

/** The answer to `find-key` with some key, signed by somebody. */
async function keyOf(mailbox: string, key: string, signer: KeyPair): Promise<V1MailboxRelayMessage> {
  const signature = toBase64url(await sign(signer.privateKey, utf8(mailboxKeyText(mailbox, key))));
  return { type: "mailbox-key", mailbox, key, signature, maxPayloadBytes: 1000 };
}

it("signs nothing for a relay that knows itself by another name than the one that was dialled", async () => {
  const scene = new Scene();
  const owner = await newKeyPair();
  const opened = scene.mailboxes.open(owner);
  const socket = await scene.connected();
  await scene.asked(socket, "open-mailbox");

  const [{ ref } = {}] = socket.of("open-mailbox");
  scene.say({ type: "challenge", mailbox: owner.publicKey, host: "bank.example", nonce: "n", ref });

  await expect(opened).rejects.toMatchObject({ code: "host-mismatch" });
  expect(socket.of("prove")).toEqual([]);
});

it("answers no challenge that it has not asked for", async () => {
  const scene = new Scene();
  const owner = await newKeyPair();
  await scene.open(owner);
  const socket = scene.relay.last;

  for (const ref of [undefined, 1, 77]) {
    scene.say({ type: "challenge", mailbox: owner.publicKey, host: HOST, nonce: "stolen", ref });
  }
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });

  expect(socket.of("prove")).toHaveLength(1);
});

it("seals to no key that the owner has not signed: not the relay's, not one of another mailbox, not a void one", async () => {
  const [owner, liar] = [await newKeyPair(), await newKeyPair()];
  const mailbox = owner.publicKey;
  const key = toBase64url((await OwnerKeys.of(cryptography, liar)).agreement.publicKey);
  const void32 = toBase64url(new Uint8Array(32));
  const answers = [
    [await keyOf(mailbox, key, liar), "protocol-error"],
    [{ ...(await keyOf(liar.publicKey, key, owner)), mailbox }, "protocol-error"],
    [{ ...(await keyOf(mailbox, key, owner)), key: void32 }, "protocol-error"],
    [await keyOf(mailbox, void32, owner), "refused"],
  ] as const;

  for (const [answer, code] of answers) {
    const scene = new Scene();
    const deposited = scene.mailboxes.deposit(mailbox, "secret");
    const socket = await scene.connected();
    await scene.asked(socket, "find-key");
    const [{ ref } = {}] = socket.of("find-key");
    scene.say({ ...answer, ref } as V1MailboxRelayMessage);

    await expect(deposited).rejects.toMatchObject({ code });
    expect(socket.of("deposit")).toEqual([]);
  }
});

it("takes messages behind its proof alone, forwards, and of its own mailbox", async () => {
  const scene = new Scene();
  const [owner, other] = [await newKeyPair(), await newKeyPair()];
  const opened = scene.mailboxes.open(owner);
  const socket = await scene.connected();
  scene.say(await messageFor(owner, 9, "before the proof"));
  await scene.asked(socket, "open-mailbox");
  const mailbox = owner.publicKey;
  scene.say({ type: "challenge", mailbox, host: HOST, nonce: "n", ref: socket.of("open-mailbox")[0]?.ref });
  await scene.asked(socket, "prove");
  scene.say({ type: "mailbox-opened", mailbox, ref: socket.of("prove")[0]?.ref });
  await scene.asked(socket, "publish-key");
  scene.say({ type: "key-published", mailbox, ref: socket.of("publish-key")[0]?.ref });
  const open = await opened;

  scene.say(await messageFor(owner, 5, "five"));
  scene.say(await messageFor(owner, 5, "five again"));
  scene.say(await messageFor(owner, 4, "four"));
  scene.say(await messageFor(other, 6, "of another"));
  scene.say({ ...(await messageFor(other, 7, "stolen")), mailbox });
  scene.say(await messageFor(owner, 8, "eight"));
  scene.say({ type: "mailbox-current", mailbox });

  const texts: string[] = [];
  for await (const { text } of open.messages()) {
    texts.push(text);
    if (text === "eight") break;
  }
  expect(texts).toEqual(["five", "eight"]);
});

it("keeps a bounded number of messages for an app that does not read, and goes on behind them when it does", async () => {
  const scene = new Scene();
  const owner = await newKeyPair();
  const mailbox = await scene.open(owner);
  const socket = scene.relay.last;
  const [last, late] = [await messageFor(owner, 1000, "the last"), await messageFor(owner, 1001, "too many")];
  const message = await messageFor(owner, 1, "one");

  for (let sequence = 1; sequence < 1000; sequence += 1) {
    scene.say({ ...message, sequence } as V1MailboxRelayMessage);
  }
  scene.say(last);
  scene.say(late);

  expect(socket.of("close-mailbox")).toHaveLength(1);
  const texts: string[] = [];
  for await (const { text } of mailbox.messages()) {
    texts.push(text);
    if (text === "the last") break;
  }
  expect(texts).not.toContain("too many");
  await eventually(() => expect(socket.of("open-mailbox")).toHaveLength(2));
  expect(socket.of("open-mailbox")[1]).toMatchObject({ cursor: 1000 });
});

it("asks what was not answered again on the next connection, under the same id, behind its proofs", async () => {
  const scene = new Scene();
  const owner = await newKeyPair();
  const mailbox = await scene.open(owner);
  const first = scene.relay.last;
  const deleted = mailbox.delete(3);
  await eventually(() => expect(first.of("delete")).toHaveLength(1));

  first.end();
  await eventually(() => expect(scene.relay.sockets).toHaveLength(2));
  const second = scene.relay.last;
  second.open();
  await scene.asked(second, "open-mailbox");
  expect(second.of("delete")).toEqual([]);
  const about = { mailbox: owner.publicKey, host: HOST, nonce: "n2" };
  scene.say({ type: "challenge", ...about, ref: second.of("open-mailbox")[0]?.ref });
  await scene.asked(second, "prove");
  scene.say({ type: "mailbox-opened", mailbox: owner.publicKey, ref: second.of("prove")[0]?.ref });
  await scene.asked(second, "publish-key");
  scene.say({ type: "key-published", mailbox: owner.publicKey, ref: second.of("publish-key")[0]?.ref });
  await eventually(() => expect(second.of("delete")).toHaveLength(1));
  scene.say({ type: "deleted", mailbox: owner.publicKey, sequence: 3, ref: second.of("delete")[0]?.ref });

  await deleted;
  expect(second.of("prove")[0]?.signature).not.toBe(first.of("prove")[0]?.signature);
});

it("lets a thousand questions wait for a relay that does not answer, and refuses one more", async () => {
  const scene = new Scene();
  const owner = await newKeyPair();
  const mailbox = await scene.open(owner);
  scene.relay.last.end();
  const outcomes: unknown[] = [];
  const ask = (sequence: number): Promise<void> =>
    mailbox.delete(sequence).catch((error: { readonly code?: unknown }) => void outcomes.push(error.code));

  const asked = Array.from({ length: 1001 }, (_, index) => ask(index + 1));
  await eventually(() => expect(outcomes).toEqual(["backlog-full"]));
  scene.mailboxes.close();

  await Promise.all(asked);
  expect(outcomes.slice(1)).toEqual(Array.from({ length: 1000 }, () => "closed"));
});
