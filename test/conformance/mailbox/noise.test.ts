import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { isNoiseStart, NoiseKey, NoiseSession } from "../../../relay/dialects/mailbox/noise.ts";
import { ask } from "../../support/ask.ts";
import { eventually } from "../../support/eventually.ts";
import { PlainClient } from "../../support/plain-client.ts";
import { startRelay } from "../../support/relay.ts";
import { frameOf, idNamed, readFrame, VauchiClient } from "../../support/vauchi-client.ts";

type Vectors = Readonly<Record<string, string>>;
const vectors = JSON.parse(readFileSync(new URL("noise-nk.json", import.meta.url), "utf8")) as Vectors;
const OPTIONS = { dialects: ["mailbox"], mailboxStore: "memory" } as const;

function bytes(name: string): Buffer {
  return Buffer.from(vectors[name] ?? "", "hex");
}

/** The client's side, written for itself: the same steps, seen from the other end (Noise, revision 34, sections 5 and 7.5). */
class NoiseClient {
  readonly first: Buffer;
  readonly #ephemeral: NoiseKey;
  #hash: Buffer;
  #chain: Buffer;
  #counts = { sent: 0n, received: 0n };
  #keys: readonly [Buffer, Buffer] | undefined;

  constructor(relayPublic: Uint8Array, ephemeral = NoiseKey.generate()) {
    this.#ephemeral = ephemeral;
    this.#chain = hashOf(Buffer.from("Noise_NK_25519_ChaChaPoly_BLAKE2s"));
    this.#hash = hashOf(this.#chain, Buffer.alloc(0));
    this.#hash = hashOf(this.#hash, relayPublic);
    this.#hash = hashOf(this.#hash, ephemeral.publicBytes);
    const [chain, key] = twoOf(this.#chain, ephemeral.sharedWith(relayPublic));
    this.#chain = chain;
    const tag = sealed(key, 0n, this.#hash, Buffer.alloc(0));
    this.#hash = hashOf(this.#hash, tag);
    this.first = Buffer.concat([Buffer.from("005632", "hex"), ephemeral.publicBytes, tag]);
  }

  finish(reply: Buffer): void {
    const [theirs, tag] = [reply.subarray(3, 35), reply.subarray(35)];
    this.#hash = hashOf(this.#hash, theirs);
    const [chain, key] = twoOf(this.#chain, this.#ephemeral.sharedWith(theirs));
    opened(key, 0n, this.#hash, tag);
    this.#keys = twoOf(chain, Buffer.alloc(0));
  }

  seal(frame: Uint8Array): Buffer {
    const [key] = this.#keys ?? [];
    if (key === undefined) throw new Error("no session");
    this.#counts.sent += 1n;
    return sealed(key, this.#counts.sent - 1n, Buffer.alloc(0), frame);
  }

  open(frame: Buffer): Buffer {
    const [, key] = this.#keys ?? [];
    if (key === undefined) throw new Error("no session");
    this.#counts.received += 1n;
    return opened(key, this.#counts.received - 1n, Buffer.alloc(0), frame);
  }
}

function hashOf(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("blake2s256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function twoOf(chain: Uint8Array, input: Uint8Array): readonly [Buffer, Buffer] {
  const temporary = createHmac("blake2s256", chain).update(input).digest();
  const first = createHmac("blake2s256", temporary).update("\x01").digest();
  const second = createHmac("blake2s256", temporary)
    .update(Buffer.concat([first, Buffer.from([2])]))
    .digest();
  return [first, second];
}

function nonce(count: bigint): Buffer {
  const text = Buffer.alloc(12);
  text.writeBigUInt64LE(count, 4);
  return text;
}

function sealed(key: Uint8Array, count: bigint, associated: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce(count), { authTagLength: 16 });
  cipher.setAAD(associated, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function opened(key: Uint8Array, count: bigint, associated: Uint8Array, frame: Buffer): Buffer {
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce(count), { authTagLength: 16 });
  decipher.setAAD(associated, { plaintextLength: frame.length - 16 });
  decipher.setAuthTag(frame.subarray(-16));
  return Buffer.concat([decipher.update(frame.subarray(0, -16)), decipher.final()]);
}

it("[VAUCHI-8] speaks Noise NK to the byte as the vectors have it", () => {
  const own = NoiseKey.of(bytes("relay_static_private"));
  const ephemeral = NoiseKey.of(bytes("relay_ephemeral_private"));

  const session = NoiseSession.accept(bytes("ws_frame_1_client_to_relay"), own, ephemeral);

  expect(Buffer.from(own.publicBytes).toString("hex")).toBe(vectors["relay_static_public"]);
  expect(Buffer.from(session?.reply ?? []).toString("hex")).toBe(vectors["ws_frame_2_relay_to_client"]);
  const frame = session?.open(bytes("ws_frame_3_client_to_relay"));
  expect(Buffer.from(frame ?? []).toString("hex")).toBe(vectors["framed_handshake"]);
  const reply = session?.seal(bytes("framed_handshake"));
  expect(Buffer.from(reply ?? []).toString("hex")).toBe(vectors["relay_first_reply_of_framed_handshake_bytes"]);
});

it("has in the tests a client that speaks it as the vectors have it", () => {
  const client = new NoiseClient(bytes("relay_static_public"), NoiseKey.of(bytes("client_ephemeral_private")));

  client.finish(bytes("ws_frame_2_relay_to_client"));

  expect(client.first.toString("hex")).toBe(vectors["ws_frame_1_client_to_relay"]);
  expect(client.seal(bytes("framed_handshake")).toString("hex")).toBe(vectors["ws_frame_3_client_to_relay"]);
});

it("knows the first frame of Noise by its magic and its length", () => {
  const frame = bytes("ws_frame_1_client_to_relay");

  expect([isNoiseStart(frame), isNoiseStart(frame.subarray(0, 50)), isNoiseStart(Buffer.alloc(51))]).toEqual([
    true,
    false,
    false,
  ]);
});

it.each([
  ["a byte is changed", (frame: Buffer) => frame.fill((frame[10] ?? 0) ^ 1, 10, 11)],
  ["the tag is changed", (frame: Buffer) => frame.fill((frame[50] ?? 0) ^ 1, 50, 51)],
  ["the key is of low order", (frame: Buffer) => frame.fill(0, 3, 35)],
  ["it is longer", (frame: Buffer) => Buffer.concat([frame, Buffer.alloc(1)])],
])("takes no handshake of which %s", (_, change) => {
  const own = NoiseKey.of(bytes("relay_static_private"));

  const frame = change(Buffer.from(bytes("ws_frame_1_client_to_relay")));

  expect(NoiseSession.accept(frame, own, NoiseKey.generate())).toBeUndefined();
});

it("passes over what is not authentic, and goes on with what comes next", () => {
  const own = NoiseKey.generate();
  const client = new NoiseClient(own.publicBytes);
  const session = NoiseSession.accept(client.first, own, NoiseKey.generate());
  client.finish(Buffer.from(session?.reply ?? []));
  const frame = client.seal(Buffer.from("first"));

  expect([session?.open(Buffer.alloc(40)), session?.open(Buffer.alloc(3))]).toEqual([undefined, undefined]);
  expect(Buffer.from(session?.open(frame) ?? []).toString()).toBe("first");
  expect(session?.open(frame)).toBeUndefined();
});

it("takes keys of 32 bytes alone", () => {
  expect(() => NoiseKey.of(Buffer.alloc(31))).toThrow(RangeError);
});

it("[VAUCHI-8] serves a mailbox over Noise, with the key that it publishes, and keeps the key over restarts", async () => {
  const relay = await startRelay({ ...OPTIONS, mailboxNoiseKey: vectors["relay_static_private"] ?? "" });
  const { body } = await ask(relay, "/vauchi/pubkey", {});
  expect(body).toBe(vectors["relay_static_public_base64url"]);
  const noise = new NoiseClient(Buffer.from(body, "base64url"));
  const client = await PlainClient.open(relay, "/vauchi");
  const sender = await VauchiClient.meet(relay, "sender");
  expect(await sender.acknowledged(sender.deposit("owner", [1, 2]))).toBe("Stored");

  client.send(noise.first);
  await eventually(() => expect(client.heard).toHaveLength(1));
  noise.finish(frameHeard(client, 0));
  client.send(noise.seal(frameOf({ type: "Handshake", client_id: idNamed("owner") })));
  await eventually(() => expect(client.heard).toHaveLength(3));

  const [ack, update] = [1, 2].map((index) => readFrame(noise.open(frameHeard(client, index))).payload);
  expect(ack).toMatchObject({ type: "HandshakeAck", features: expect.arrayContaining(["noise_nk"]) });
  expect(update).toMatchObject({ type: "EncryptedUpdate", ciphertext: [1, 2] });
});

it("[VAUCHI-27] keeps what is too large for Noise for a client that comes without, and counts it", async () => {
  const relay = await startRelay(OPTIONS);
  const { body } = await ask(relay, "/vauchi/pubkey", {});
  const noise = new NoiseClient(Buffer.from(body, "base64url"));
  const sender = await VauchiClient.meet(relay, "sender");
  await sender.acknowledged(
    sender.deposit(
      "owner",
      Array.from({ length: 40_000 }, () => 200),
    ),
  );
  await sender.acknowledged(sender.deposit("owner", [7]));
  const client = await PlainClient.open(relay, "/vauchi");

  client.send(noise.first);
  await eventually(() => expect(client.heard).toHaveLength(1));
  noise.finish(frameHeard(client, 0));
  client.send(noise.seal(frameOf({ type: "Handshake", client_id: idNamed("owner") })));
  await eventually(() => expect(client.heard).toHaveLength(3));

  noise.open(frameHeard(client, 1));
  expect(readFrame(noise.open(frameHeard(client, 2))).payload["ciphertext"]).toEqual([7]);
  const plain = await VauchiClient.meet(relay, "owner");
  expect((await plain.hears("EncryptedUpdate")).payload["ciphertext"]).toHaveLength(40_000);
});

it("refuses who does not speak Noise where that is wanted, and a Noise that is not for this relay", async () => {
  const relay = await startRelay({ ...OPTIONS, mailboxRequireNoise: true });
  const plain = await VauchiClient.open(relay);
  plain.send({ type: "Handshake", client_id: idNamed("a") });
  expect(await plain.closed()).toEqual({ code: 1008, reason: "Noise required" });
  const wrong = await PlainClient.open(relay, "/vauchi");
  wrong.send(new NoiseClient(NoiseKey.generate().publicBytes).first);
  expect(await wrong.closed()).toEqual({ code: 1008, reason: "Noise failed" });
});

function frameHeard(client: PlainClient, index: number): Buffer {
  return Buffer.from((client.heard[index] ?? "").slice("binary ".length), "hex");
}
