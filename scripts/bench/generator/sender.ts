import type { ExchangeWorkload } from "../workload.ts";
import type { Connection } from "./connection.ts";
import { RecordWriter } from "./record-writer.ts";
import { type Member, type Publication, payloadBytesOf } from "./sessions/session.ts";
import { makePayload, writeSequence } from "./stamp.ts";

/** Messages that a sender at a fixed rate may have under way: more would measure a backlog and not a rate. */
const MAX_UNDER_WAY = 256;

/** Which of the senders it is, and which of its connection's topics it sends to. */
type Identity = { readonly senderIndex: number; readonly topicPlace: number };

/** One member that sends: copies of one frame made in advance, each with its own number. */
export class Sender {
  readonly member: Member;
  sentCount = 0;
  /** Messages to send at the next occasion. */
  owed = 0;
  readonly #writer: RecordWriter;
  readonly #publication: Publication;
  readonly #messageLimit: number;
  readonly #receiversPerMessage: number;
  /** By message number, modulo the size of the rings: the time of sending, and the deliveries still to come. */
  readonly #sentAtMs: Float64Array;
  readonly #missing: Uint16Array;
  readonly #ringMask: number;
  #underWay = 0;

  constructor(
    connection: Connection,
    { payloadBytes, pace, recordContent = "message" }: ExchangeWorkload,
    limits: { readonly receiversPerMessage: number; readonly messagesPerSender: number },
    { senderIndex, topicPlace }: Identity,
  ) {
    this.member = connection.member;
    const payload = makePayload(payloadBytesOf(payloadBytes, connection.session), senderIndex, connection.session.form);
    this.#publication = connection.session.publication(payload, topicPlace);
    this.#writer = new RecordWriter(connection.socket, recordContent, this.#publication.bytes.length);
    this.#messageLimit = limits.messagesPerSender;
    this.#receiversPerMessage = limits.receiversPerMessage;
    // Each receiver gets a sender's messages in order, so numbers under way are never further apart than the window.
    const ringSize =
      pace.kind === "rate" ? MAX_UNDER_WAY : powerOfTwoAbove(pace.kind === "window" ? pace.messageCount : 2);
    this.#ringMask = ringSize - 1;
    this.#sentAtMs = new Float64Array(ringSize);
    this.#missing = new Uint16Array(ringSize);
  }

  /** Messages that have not reached all their receivers. */
  get underWayCount(): number {
    return this.#underWay;
  }

  sentAtMs(sequence: number): number {
    return this.#sentAtMs[sequence & this.#ringMask] ?? 0;
  }

  /** Counts one delivery. @returns whether it was the message's last. */
  delivered(sequence: number): boolean {
    const slot = sequence & this.#ringMask;
    const missing = (this.#missing[slot] ?? 0) - 1;
    this.#missing[slot] = missing;
    if (missing !== 0) return false;
    this.#underWay -= 1;
    return true;
  }

  /** Sends what is owed, as far as the limits allow. @returns how many turns of the event loop that takes. */
  sendOwed(nowMs: number): number {
    const room = Math.min(this.#ringMask + 1 - this.#underWay, this.#messageLimit - this.sentCount);
    const count = Math.min(this.owed, room);
    this.owed = 0;
    if (count <= 0) return 0;
    const { bytes, stampAt, stampMask } = this.#publication;
    const batch = Buffer.allocUnsafe(count * bytes.length);
    for (let index = 0; index < count; index += 1) {
      const at = index * bytes.length;
      batch.set(bytes, at);
      writeSequence(batch, at + stampAt, this.sentCount, stampMask);
      const slot = this.sentCount & this.#ringMask;
      this.#sentAtMs[slot] = nowMs;
      this.#missing[slot] = this.#receiversPerMessage;
      this.sentCount += 1;
    }
    this.#underWay += count;
    return this.#writer.write(batch);
  }
}

function powerOfTwoAbove(value: number): number {
  return 2 ** Math.ceil(Math.log2(value + 1));
}
