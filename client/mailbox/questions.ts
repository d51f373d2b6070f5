import type { V1MailboxMessage, V1MailboxRelayMessage } from "../../protocol/v1-mailbox-messages.ts";

/** What a relay answers. */
export type Answer = Extract<V1MailboxRelayMessage, { readonly ref?: number | undefined }>;

/** Something that was asked of the relay. */
export type Question = {
  readonly message: V1MailboxMessage;
  readonly byteCount: number;
  /** Of this connection alone: an answer that is lost with it is none. */
  readonly isOfConnection: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
};

/**
 * So much is under way at a time: half of what a relay takes from one connection before it stops reading it, so that pings and
 * deletes are not held up behind deposits.
 */
const MAX_UNDER_WAY = 32;
const MAX_UNDER_WAY_BYTES = 524_288;
/** And so much waits for that. */
const MAX_WAITING = 1000;
const MAX_WAITING_BYTES = 16_777_216;

/** The questions of one line, in their order: those that wait, and those under way by their numbers. */
export class Questions {
  #waiting: Question[] = [];
  #waitingBytes = 0;
  readonly #underWay = new Map<number, Question>();
  #underWayBytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#underWay.size === 0;
  }

  /** @returns false: too much waits */
  add(question: Question): boolean {
    const isTooMuch = this.#waitingBytes + question.byteCount > MAX_WAITING_BYTES && this.#waiting.length > 0;
    if (this.#waiting.length >= MAX_WAITING || isTooMuch) return false;
    this.#waiting.push(question);
    this.#waitingBytes += question.byteCount;
    return true;
  }

  /** Takes out the next one that may be asked. */
  next(): Question | undefined {
    const [question] = this.#waiting;
    if (question === undefined || this.#underWay.size >= MAX_UNDER_WAY) return undefined;
    if (this.#underWayBytes > 0 && this.#underWayBytes + question.byteCount > MAX_UNDER_WAY_BYTES) return undefined;
    this.#waiting.shift();
    this.#waitingBytes -= question.byteCount;
    return question;
  }

  /** It was asked under this number. */
  asked(ref: number, question: Question): void {
    this.#underWay.set(ref, question);
    this.#underWayBytes += question.byteCount;
  }

  /** Takes out the one with this number. */
  take(ref: number | undefined): Question | undefined {
    const question = ref === undefined ? undefined : this.#underWay.get(ref);
    if (ref === undefined || question === undefined) return undefined;
    this.#underWay.delete(ref);
    this.#underWayBytes -= question.byteCount;
    return question;
  }

  /** Nobody waits for it any more. One that is under way may be done all the same. */
  forget(question: Question): void {
    const at = this.#waiting.indexOf(question);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#waitingBytes -= question.byteCount;
    }
    for (const [ref, other] of this.#underWay) if (other === question) this.take(ref);
  }

  /** Puts one back to the front. */
  putBack(question: Question): void {
    this.#waiting.unshift(question);
    this.#waitingBytes += question.byteCount;
  }

  /** The connection is gone: what was under way is to be asked again, in its order, but for what was of this connection. */
  interrupt(error: Error): void {
    for (const [ref, question] of [...this.#underWay].toReversed()) {
      this.take(ref);
      if (question.isOfConnection) question.reject(error);
      else this.putBack(question);
    }
  }

  /** Rejects all. */
  end(error: Error): void {
    const questions = [...this.#underWay.values(), ...this.#waiting];
    this.#underWay.clear();
    this.#waiting = [];
    this.#underWayBytes = this.#waitingBytes = 0;
    for (const { reject } of questions) reject(error);
  }
}
