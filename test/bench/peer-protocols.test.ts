import { createPublicKey, diffieHellman } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { DerpFrame, DerpScanner } from "../../scripts/bench/generator/derp-scanner.ts";
import { LineSplitter } from "../../scripts/bench/generator/line-splitter.ts";
import { membersOf } from "../../scripts/bench/generator/members.ts";
import type { ScanHandler } from "../../scripts/bench/generator/scanner.ts";
import { CentrifugoSession } from "../../scripts/bench/generator/sessions/centrifugo.ts";
import { createSession } from "../../scripts/bench/generator/sessions/create-session.ts";
import { keyPairOf, partnerIndexOf } from "../../scripts/bench/generator/sessions/key-pair.ts";
import { MeshSession } from "../../scripts/bench/generator/sessions/mesh.ts";
import type { Member } from "../../scripts/bench/generator/sessions/session.ts";
import type { ExchangeWorkload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

/** Keeps what a scanner finds, as text. */
class Found implements ScanHandler {
  readonly list: string[] = [];

  onMessage(bytes: Uint8Array, start: number, byteCount: number): void {
    this.list.push(`message ${Buffer.from(bytes).toString("latin1", start, start + byteCount)}`);
  }

  onControl(kind: number, bytes: Uint8Array, start: number, byteCount: number): void {
    this.list.push(`control ${kind} ${Buffer.from(bytes).toString("latin1", start, start + byteCount)}`);
  }
}

const [a, b] = membersOf(workloads.find(({ id }) => id === "W6") as ExchangeWorkload) as unknown as [Member, Member];

function derpFrame(type: number, body: string): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, body.length >>> 8, body.length & 0xff]), Buffer.from(body)]);
}

/** What a member sends, unmasked. */
function textOf(name: "classic-json" | "classic-json-topic-first"): string {
  const { bytes } = createSession(name, a).publication(Buffer.from("QUFBQUFBQUE="), 0);
  const key = bytes.subarray(2, 6);
  return Buffer.from(bytes.subarray(6).map((byte, index) => byte ^ (key[index & 3] ?? 0))).toString();
}

it("finds DERP packets however the stream is cut", () => {
  const stream = Buffer.concat([
    derpFrame(DerpFrame.serverKey, "key"),
    derpFrame(DerpFrame.receivePacket, "x".repeat(300)),
    derpFrame(0x06, ""),
    derpFrame(DerpFrame.receivePacket, "y"),
  ]);

  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
      const found = new Found();
      const scanner = new DerpScanner(found, { keepBytes: 1000 });
      const places = [0, ...cuts.toSorted((first, second) => first - second), stream.length];
      for (const [index, start] of places.entries()) scanner.push(stream, start, places[index + 1] ?? stream.length);
      expect(found.list).toEqual(["control 1 key", `message ${"x".repeat(300)}`, "control 6 ", "message y"]);
    }),
    { numRuns: 30 },
  );
});

it("divides a message into its lines, and needs no line feed at the end", () => {
  const found = new Found();
  const splitter = new LineSplitter(found);
  const bytes = Buffer.from("....one\ntwo\nthree....");

  splitter.onMessage(bytes, 4, 13);
  splitter.onMessage(Buffer.from("four\n"), 0, 5);

  expect(found.list).toEqual(["message one", "message two", "message three", "message four"]);
});

it("knows the key of the other half of a pair without asking", () => {
  expect([partnerIndexOf(a), partnerIndexOf(b)]).toEqual([b.index, a.index]);
  expect(keyPairOf("x25519", 7).publicBytes).toEqual(keyPairOf("x25519", 7).publicBytes);

  const [own, other] = [keyPairOf("x25519", a.index), keyPairOf("x25519", b.index)];
  const secrets = [own, other].map(({ privateKey }, index) =>
    diffieHellman({ privateKey, publicKey: createPublicKey((index === 0 ? other : own).privateKey) }),
  );
  expect(secrets[0]).toEqual(secrets[1]);
});

it("joins Centrifugo by connecting and subscribing, answers its pings, and knows a delivery", () => {
  const sender = new CentrifugoSession(a);
  const receiver = new CentrifugoSession(b);
  const clientId = "abb541e3-cf95-40b6-9b2a-892268a0a016";
  sender.hear("message", Buffer.from(`{"id":1,"connect":{"client":"${clientId}"}}`));

  expect(receiver.hear("message", Buffer.from('{"id":1,"connect":{"client":"x"}}'))).toBeDefined();
  expect(receiver.isJoined).toBe(false);
  receiver.hear("message", Buffer.from('{"id":2,"subscribe":{}}'));
  expect(receiver.isJoined).toBe(true);
  expect(receiver.hear("message", Buffer.from("{}"))).toBeDefined();

  const delivery = `{"push":{"channel":"t0000","pub":{"data":"AAAA","info":{"user":"","client":"${clientId}"}}}}`;
  const before = Buffer.from(delivery.slice(0, receiver.prefixBytes));
  const after = Buffer.from(delivery.slice(receiver.prefixBytes + 4));
  expect(after).toHaveLength(receiver.suffixBytes);
  expect(receiver.isEnvelope(before, after, { session: sender })).toBe(true);
  expect(receiver.isEnvelope(before, after, { session: receiver })).toBe(false);
});

it("sends classic data with the topic in front where that is wanted, and else the same", () => {
  expect(textOf("classic-json")).toBe('{"type":"data","data":"QUFBQUFBQUE="}');
  expect(textOf("classic-json-topic-first")).toBe('{"topic":"t0000","type":"data","data":"QUFBQUFBQUE="}');
});

it("joins a mesh with its first message, is in it when it is told so, and knows a delivery", () => {
  const [sender, receiver] = [new MeshSession(a), new MeshSession(b)];

  receiver.hear("message", Buffer.from('{"type":"peers","peers":[]}'));
  expect(receiver.isJoined).toBe(false);
  receiver.hear("message", Buffer.from('{"type":"joined","mesh":"t0000","mesh_id":"t0000","node_count":2}'));
  expect(receiver.isJoined).toBe(true);
  expect(() => sender.hear("message", Buffer.from('{"type":"error","code":"MESH_FULL"}'))).toThrow("not joined");

  const delivery = '{"type":"message","from":"p00000","payload":{"data":"AAAA","from":"p00000"}}';
  const before = Buffer.from(delivery.slice(0, receiver.prefixBytes));
  const after = Buffer.from(delivery.slice(receiver.prefixBytes + 4));
  expect(after).toHaveLength(receiver.suffixBytes);
  expect(receiver.isEnvelope(before, after, { member: a })).toBe(true);
  expect(receiver.isEnvelope(before, after, { member: b })).toBe(false);
});
