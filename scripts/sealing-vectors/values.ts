import {
  encodeAcknowledgement,
  encodeChunk,
  encodeMessage,
  encodeProof,
  encodeStatus,
  encodeSync,
  readHead,
  resendOf,
  writeSeq,
} from "../../client/delivery/frame.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { deriveTopic } from "../../client/sealing/derivation.ts";
import { ConnectionKeys, type Receiver } from "../../client/sealing/frame-seal.ts";
import { PresenceSeal } from "../../client/sealing/presence-seal.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const SENDER = "c2Vzc2lvbi1vZi1zZW5kZQ.Y29ubmVjdGlvbi1vbmUtMQ";
const RECEIVER = "c2Vzc2lvbi1vZi1yZWNlaQ.Y29ubmVjdGlvbi10d28tMg";

const encoder = new TextEncoder();

/** Frames with what they are sealed to. `to`: the connection name of the receiver; null: to all. */
const frames = [
  ["a message", encodeMessage(1, encoder.encode("hello")), null],
  ["the same message, sent again", resendOf(encodeMessage(1, encoder.encode("hello"))), null],
  ["a message with a large number", encodeMessage(2 ** 40 + 7, new Uint8Array(300).fill(0xa5)), null],
  ["a sync to all", encodeSync({ seq: 1, base: undefined, head: 12, floor: 3, wantsReply: true, isLast: false }), null],
  ["a sync to one", encodeSync({ seq: 2, base: 9, head: 12, floor: 3, wantsReply: false, isLast: false }), RECEIVER],
  [
    "a status",
    encodeStatus({ seq: 3, next: 5, byteBudget: 65_536, ranges: [{ from: 5, count: 2 }], hasState: true }),
    RECEIVER,
  ],
  ["a chunk of stream 7", numbered(encodeChunk(7, encoder.encode("the end")), 4), RECEIVER],
  [
    "a bound chunk of stream 7",
    numbered(encodeChunk(7, encoder.encode("sealed by the app"), 0, { isBound: true }), 5),
    RECEIVER,
  ],
  [
    "an acknowledgement of stream 7",
    encodeAcknowledgement({ seq: 4, stream: 7, next: 5, byteLimit: 1_048_576, purpose: "progress" }),
    RECEIVER,
  ],
  ["a proof that wants one back", numbered(encodeProof({ wantsReply: true }), 5), RECEIVER],
] as const;

/** What docs/encryption.md describes, computed: keys, then frames before and after. Bytes in hex. */
export async function sealingVectors(): Promise<object> {
  const cryptography = new NodeCryptography();
  const topics = await Promise.all(
    ["", "files"].map(async (name) => {
      const { topicId, group, presence } = await deriveTopic(cryptography, { secret: SECRET, name });
      return { name, topicId, groupKey: hex(group.export()), presenceKey: hex(presence.export()) };
    }),
  );
  const { group } = await deriveTopic(cryptography, { secret: SECRET });
  const keys = new ConnectionKeys(cryptography, group, SENDER);
  const sealed = frames.map(([description, frame, to]) => {
    const head = readHead(frame);
    if (head === undefined) throw new Error("no frame");
    return { description, to, frame: hex(frame), sealed: hex(keys.seal(frame, head, receiverOf(to))) };
  });
  return { secret: hex(SECRET), topics, from: SENDER, frames: sealed, presences: await sealedPresences(cryptography) };
}

/** In the order in which they were shown: the count is part of them. */
async function sealedPresences(cryptography: NodeCryptography): Promise<object[]> {
  const { presence } = await deriveTopic(cryptography, { secret: SECRET });
  const seal = new PresenceSeal(cryptography, presence, SENDER);
  return [encoder.encode("anna"), new Uint8Array(489).fill(0xa5)].map((shown) => ({
    presence: hex(shown),
    sealed: seal.seal(shown),
  }));
}

function receiverOf(name: string | null): Receiver | undefined {
  return name === null ? undefined : { sid: name.split(".")[0] ?? "", nameBytes: encoder.encode(name) };
}

function numbered(frame: Uint8Array, seq: number): Uint8Array {
  writeSeq(frame, seq);
  return frame;
}

function hex(bytes: unknown): string {
  if (!(bytes instanceof Uint8Array)) throw new Error("the platform computes at once");
  return Buffer.from(bytes).toString("hex");
}
