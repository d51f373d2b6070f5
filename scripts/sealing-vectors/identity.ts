import {
  encodeChunk,
  encodeProof,
  encodeStatus,
  type FrameHead,
  readHead,
  writeSeq,
} from "../../client/delivery/frame.ts";
import { Acquaintances } from "../../client/identity/acquaintances.ts";
import { Admission } from "../../client/identity/admission.ts";
import type { AgreementKey } from "../../client/identity/curves.ts";
import { introduce, sidOf } from "../../client/identity/introduction.ts";
import { importKeyPair, type KeyPair, publicKeyBytes } from "../../client/identity/key-pair.ts";
import { PairedKeys } from "../../client/identity/paired-keys.ts";
import { secretOf } from "../../client/identity/rendezvous.ts";
import { SignedPresenceSeal } from "../../client/identity/signed-presence.ts";
import { SecretsOfStreams } from "../../client/identity/stream-secrets.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { deriveTopic, type TopicKeys } from "../../client/sealing/derivation.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
/** RFC 8410 section 7: what stands before a private key of X25519 in PKCS #8. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const encoder = new TextEncoder();

/** One of the two members, all of whose keys are fixed. */
type Side = {
  readonly keys: KeyPair;
  readonly session: AgreementKey;
  readonly stream: AgreementKey;
  readonly sid: string;
  readonly name: string;
  readonly introduction: Uint8Array;
};

/** What docs/identity.md describes, computed between two members: the first sends to the second. Bytes in hex. */
export async function identityVectors(): Promise<object> {
  const cryptography = new NodeCryptography();
  const topic = await deriveTopic(cryptography, { secret: SECRET });
  const [from, to] = [await sideOf(cryptography, topic, 0x10), await sideOf(cryptography, topic, 0x20)];
  const { topicId } = topic;
  const own = { topicId, sid: from.sid, sessionKey: from.session, introduction: from.introduction };
  const acquaintances = new Acquaintances(cryptography, topic.group, own, new Admission());
  const other = await acquaintances.judge(to.sid, to.introduction);
  if (other === undefined || other === "refused") throw new Error("not a true introduction");
  acquaintances.keep(to.sid, other);
  const streams = new SecretsOfStreams(acquaintances);
  const half = streams.take(from.stream);
  await streams.agree({ sid: to.sid, own: 7, peers: 9, isOpener: true }, half, to.stream.publicKey);
  const keysOf = (name: string): PairedKeys =>
    new PairedKeys({ acquaintances, streams }, topic.group, name, () => Promise.resolve());
  const [sending, receiving] = [keysOf(from.name), keysOf(to.name)];
  const receiver = { sid: to.sid, nameBytes: encoder.encode(to.name), keys: receiving };
  const frames = [];
  for (const [description, frame] of framesToOne(from.stream.publicKey)) {
    frames.push({ description, frame: hex(frame), sealed: hex(await sending.seal(frame, headOf(frame), receiver)) });
  }
  const presence = new SignedPresenceSeal(acquaintances, topic.presence, sending, from.keys.privateKey);
  return {
    secret: hex(SECRET),
    topicId,
    members: await Promise.all([describe(from, 0x10), describe(to, 0x20)]),
    pairKey: exported(other.pair),
    confirmation: hex(await acquaintances.confirmation(other, from.name, to.name)),
    streamKey: exported(await streams.sendingKey(to.sid, 7, from.name)),
    frames,
    presence: { presence: hex(encoder.encode("anna")), sealed: await presence.seal(encoder.encode("anna")) },
    rendezvousSecret: hex(await secretOf(from.keys.publicKey)),
  };
}

/** In the order in which they are sent: the stream is number 7. */
function framesToOne(streamKey: Uint8Array): (readonly [string, Uint8Array])[] {
  const open = Buffer.concat([streamKey, encoder.encode("label")]);
  return [
    ["a proof, with introduction and confirmation", numbered(encodeProof({ wantsReply: false }), 1)],
    ["a status", encodeStatus({ seq: 2, next: 5, byteBudget: 65_536, ranges: [], hasState: true })],
    ["a message to one", numbered(encodeChunk(0, encoder.encode("for you")), 1)],
    ["the first chunk of a stream", numbered(encodeChunk(7, open, 6), 1)],
    ["the second chunk of a stream", numbered(encodeChunk(7, encoder.encode("bytes"), 0), 2)],
  ];
}

async function sideOf(cryptography: NodeCryptography, topic: TopicKeys, fill: number): Promise<Side> {
  const keys = await importKeyPair(new Uint8Array(32).fill(fill));
  const session = await agreementKeyOf(fill + 1);
  const bound = {
    topicId: topic.topicId,
    publicKey: publicKeyBytes(keys.publicKey),
    sessionKey: session.publicKey,
  };
  const sid = await sidOf(cryptography, bound);
  return {
    keys,
    session,
    stream: await agreementKeyOf(fill + 2),
    sid,
    name: `${sid}.${Buffer.alloc(16, fill).toString("base64url")}`,
    introduction: await introduce(keys.privateKey, sid, bound),
  };
}

async function agreementKeyOf(fill: number): Promise<AgreementKey> {
  const bytes = Buffer.concat([PKCS8_HEAD, Buffer.alloc(32, fill)]);
  const privateKey = await crypto.subtle.importKey("pkcs8", bytes, "X25519", true, ["deriveBits"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", privateKey);
  return { publicKey: new Uint8Array(Buffer.from(x, "base64url")), privateKey };
}

/** The private keys are the same byte 32 times. */
async function describe({ keys, session, stream, sid, name, introduction }: Side, fill: number): Promise<object> {
  return {
    privateKey: hex(Buffer.alloc(32, fill)),
    publicKey: keys.publicKey,
    sessionPrivateKey: hex(Buffer.alloc(32, fill + 1)),
    sessionKey: hex(session.publicKey),
    streamPrivateKey: hex(Buffer.alloc(32, fill + 2)),
    streamPublicKey: hex(stream.publicKey),
    sid,
    name,
    introduction: hex(introduction),
  };
}

function headOf(frame: Uint8Array): FrameHead {
  const head = readHead(frame);
  if (head === undefined) throw new Error("no frame");
  return head;
}

function numbered(frame: Uint8Array, seq: number): Uint8Array {
  writeSeq(frame, seq);
  return frame;
}

function exported(source: unknown): string {
  return hex((source as { export(): Uint8Array }).export());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
