import { utf8 } from "../data.ts";
import { type FrameHead, readHead, writeSeq } from "../delivery/frame.ts";
import type { Carrier, Sid } from "../delivery/ports.ts";
import { ROOM_BYTES } from "../line/headed.ts";
import type { TopicLine } from "../line/topic-line.ts";
import { sidOfName } from "../roster.ts";
import type { ConnectionKeys, Receiver } from "./frame-seal.ts";
import type { SealedMember } from "./sealed-member.ts";
import { InOrder, type Soon } from "./soon.ts";

/** While so much waits to be sealed, nothing large is sent. */
const MAX_SEALING_BYTES = 262_144;

/** What it works with. */
export type SealedSendingParts = {
  readonly line: () => TopicLine | undefined;
  /** The member by which a session is heard. */
  readonly memberOf: (sid: Sid) => SealedMember | undefined;
  /** `isWritable` has become true by what was sealed. */
  readonly onWritable: () => void;
};

/** A connection, and how many control frames it has sealed: no number is used twice. */
type Connection = Receiver & { readonly keys: ConnectionKeys; controlSeq: number };

/** Seals what delivery sends, and gives it to the line in the same order. What a connection has not sent goes with it. */
export class SealedSending implements Carrier {
  readonly #parts: SealedSendingParts;
  readonly #order = new InOrder();
  #connection: Connection | undefined;
  #sealingBytes = 0;

  constructor(parts: SealedSendingParts) {
    this.#parts = parts;
  }

  /** This end, as what is sent to it names it. */
  get own(): Receiver | undefined {
    return this.#connection;
  }

  get isWritable(): boolean {
    return this.#sealingBytes < MAX_SEALING_BYTES && this.#parts.line()?.isWritable === true;
  }

  get hasLists(): boolean {
    return this.#parts.line()?.hasLists === true;
  }

  /** Seals by the keys of a new connection from now on. */
  begin(keys: ConnectionKeys): void {
    this.#connection = { keys, controlSeq: 0, nameBytes: utf8(keys.name), sid: sidOfName(keys.name) ?? "" };
  }

  /** The connection is gone. */
  end(): void {
    this.#connection = undefined;
  }

  toAll(frame: Uint8Array): void {
    this.#send(frame, undefined, (line, sealed) => line.sendToAll(sealed, ROOM_BYTES));
    this.#parts.line()?.expectTraffic();
  }

  toPeers(sids: readonly Sid[], frame: Uint8Array): void {
    const members = sids.flatMap((sid) => this.#parts.memberOf(sid) ?? []);
    if (members.length > 0 && readHead(frame)?.kind === "message") {
      const peerHandles = members.map(({ peerHandle }) => peerHandle);
      this.#send(frame, undefined, (line, sealed) => line.sendTo(peerHandles, sealed, ROOM_BYTES));
    } else for (const member of members) this.toMember(member, frame);
    this.#parts.line()?.expectTraffic();
  }

  /** To this member alone, also while it is not heard. */
  toMember(member: SealedMember, frame: Uint8Array): void {
    this.#send(frame, member, (line, sealed) => line.sendTo([member.peerHandle], sealed, ROOM_BYTES));
  }

  /** Resolves when all that was sent so far is on the line. */
  settled(): Promise<void> {
    return this.#order.settled();
  }

  #send(frame: Uint8Array, receiver: Receiver | undefined, pass: (line: TopicLine, sealed: Uint8Array) => void): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#sealingBytes += frame.byteLength;
    this.#order.add(seal(connection, frame, receiver), (sealed) => {
      const wasWritable = this.#sealingBytes < MAX_SEALING_BYTES;
      this.#sealingBytes -= frame.byteLength;
      const line = this.#parts.line();
      if (this.#connection === connection && line !== undefined) pass(line, sealed);
      if (!wasWritable && this.isWritable) this.#parts.onWritable();
    });
  }
}

function seal(connection: Connection, frame: Uint8Array, receiver: Receiver | undefined): Soon<Uint8Array> {
  const head = readHead(frame);
  if (head === undefined) throw new RangeError("no frame");
  if (head.kind !== "control") return connection.keys.seal(frame, head, receiver);
  connection.controlSeq += 1;
  const numbered = frame.slice();
  writeSeq(numbered, connection.controlSeq);
  const numberedHead: FrameHead = { ...head, seq: connection.controlSeq };
  return connection.keys.seal(numbered, numberedHead, receiver);
}
