import type { Connection, Receiver } from "./connection.ts";
import { type Member, payloadBytesOf } from "./sessions/session.ts";
import { makePayload, readSender, readSequence, STAMP_BYTES, writeSequence } from "./stamp.ts";

const NO_MASK = new Uint8Array(STAMP_BYTES);
/** More of the same would not help. */
const MAX_FAULTS = 10;

/** Looks at every byte of every delivery: order, content, sender, topic. What is right goes on to the traffic. */
export class Verifier implements Receiver {
  readonly faults: string[] = [];
  verifiedCount = 0;
  readonly #next: Receiver;
  readonly #payloadBytes: number;
  readonly #hasEcho: boolean;
  readonly #connections = new Map<number, Connection>();
  readonly #payloads = new Map<number, Buffer>();
  /** By receiver and sender: the number that must come next. */
  readonly #expected = new Map<string, number>();

  constructor(next: Receiver, options: { readonly payloadBytes: number; readonly hasEcho: boolean }) {
    this.#next = next;
    this.#payloadBytes = options.payloadBytes;
    this.#hasEcho = options.hasEcho;
  }

  /** Learns who takes part. */
  add(connection: Connection): void {
    this.#connections.set(connection.member.index, connection);
  }

  onChunk(): void {
    this.#next.onChunk();
  }

  onDelivery(receiver: Member, bytes: Uint8Array, payloadAt: number): void {
    const senderIndex = readSender(bytes, payloadAt);
    const sender = this.#connections.get(senderIndex);
    if (sender === undefined) {
      this.#fault(`${receiver.peerId}: a delivery from nobody`);
      return;
    }
    const sequence = readSequence(bytes, payloadAt);
    const what = `${receiver.peerId} from ${sender.member.peerId}, message ${sequence}`;
    if (sender.member.topic !== receiver.topic) this.#fault(`${what}: of another topic`);
    if (sender.member === receiver && !this.#hasEcho) this.#fault(`${what}: its own`);
    const key = `${receiver.index} ${senderIndex}`;
    const expected = this.#expected.get(key) ?? 0;
    if (sequence !== expected) this.#fault(`${what}: out of order, ${expected} was to come`);
    this.#expected.set(key, sequence + 1);
    if (!this.#isContent(bytes, payloadAt, sender, sequence)) this.#fault(`${what}: other bytes than were sent`);
    if (!this.#isEnvelope(receiver, bytes, payloadAt, sender)) this.#fault(`${what}: not its sender's envelope`);
    this.verifiedCount += 1;
    this.#next.onDelivery(receiver, bytes, payloadAt);
  }

  onFailure(error: Error): void {
    this.#next.onFailure(error);
  }

  #isContent(bytes: Uint8Array, payloadAt: number, sender: Connection, sequence: number): boolean {
    let payload = this.#payloads.get(sender.member.index);
    if (payload === undefined) {
      payload = makePayload(
        payloadBytesOf(this.#payloadBytes, sender.session),
        sender.member.index,
        sender.session.form,
      );
      this.#payloads.set(sender.member.index, payload);
    }
    writeSequence(payload, 0, sequence, NO_MASK);
    return payload.equals(bytes.subarray(payloadAt, payloadAt + payload.length));
  }

  #isEnvelope(receiver: Member, bytes: Uint8Array, payloadAt: number, sender: Connection): boolean {
    const session = this.#connections.get(receiver.index)?.session;
    const payloadBytes = this.#payloads.get(sender.member.index)?.length ?? 0;
    if (session === undefined) return false;
    const before = Buffer.from(bytes.subarray(payloadAt - session.prefixBytes, payloadAt));
    const afterAt = payloadAt + payloadBytes;
    const after = Buffer.from(bytes.subarray(afterAt, afterAt + session.suffixBytes));
    return session.isEnvelope(before, after, sender);
  }

  #fault(text: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push(text);
  }
}
