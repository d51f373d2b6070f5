import { encodeProof, readHead, writeSeq } from "../../client/delivery/frame.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { sidOfName } from "../../client/roster.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { ConnectionKeys, type Receiver } from "../../client/sealing/frame-seal.ts";
import type { SealedNetwork, SimLine } from "./sealed-network.ts";

/** Who has the topic's secret, and does with it whatever it likes; under any name, and where the test says so together with the relay. */
export class Insider {
  readonly line: SimLine;
  readonly #keys: TopicKeys;
  readonly #network: SealedNetwork;
  #controlSeq = 1000;

  /** Joins under this name. */
  constructor(network: SealedNetwork, keys: TopicKeys, peerId: string) {
    this.#network = network;
    this.#keys = keys;
    this.line = network.addStranger(peerId);
  }

  /** Sends a proof with this body to a member. */
  prove(to: SimLine, body: Uint8Array, { wantsReply = false }: { readonly wantsReply?: boolean } = {}): void {
    const frame = Buffer.concat([encodeProof({ wantsReply }), body]);
    this.line.sendTo([to.member.peerHandle], this.seal(this.line, frame, to));
  }

  /** A frame as a member of this topic seals it by the topic's secret alone: control frames get a number that rises. */
  seal(from: SimLine, frame: Uint8Array, to?: SimLine): Uint8Array {
    const numbered = Uint8Array.from(frame);
    if (readHead(numbered)?.kind === "control") writeSeq(numbered, (this.#controlSeq += 1));
    const head = readHead(numbered);
    if (head === undefined) throw new Error("no frame");
    return here(keysOf(this.#keys, from).seal(numbered, head, to && receiverOf(to)));
  }

  /** Opens what one member has sent to another, or to all, by the topic's secret alone. @returns undefined: it cannot */
  open(from: SimLine, bytes: Uint8Array, to?: SimLine): Uint8Array | undefined {
    const head = readHead(bytes);
    return head && here(keysOf(this.#keys, from).open(bytes, head, to && receiverOf(to)));
  }

  /** The bodies of the proofs that one member has sent to another, the last one last. */
  proofs(from: SimLine, to: SimLine): Uint8Array[] {
    const sent = this.#network.seen.filter(
      (passing) => passing.from === from && passing.to?.includes(to.member.peerHandle) === true,
    );
    return sent.flatMap(({ bytes }) => (bytes[0] === 6 ? (this.open(from, bytes, to)?.slice(8) ?? []) : []));
  }
}

function keysOf(keys: TopicKeys, { member: { peerId } }: SimLine): ConnectionKeys {
  return new ConnectionKeys<unknown>(new NodeCryptography(), keys.group, peerId);
}

function receiverOf({ member: { peerId } }: SimLine): Receiver {
  return { sid: sidOfName(peerId) ?? "", nameBytes: new TextEncoder().encode(peerId) };
}

function here<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("node:crypto computes at once");
  return value;
}
