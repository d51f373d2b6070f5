import type { Clock } from "../clock.ts";
import type { PosternError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { Backlog, type WaitingOptions } from "./backlog.ts";
import { type AcknowledgementFrame, encodeAcknowledgement } from "./frame.ts";
import { LaneReceiver } from "./lane-receiver.ts";
import { costOf, DIRECT_STREAM, LaneSender, type Outgoing, type SenderNumbers } from "./lane-sender.ts";
import type { Sid } from "./ports.ts";

/** So long nothing is acknowledged until the sender asks; twice as long each time, up to the second. */
const ASK_AFTER_MS = 1500;
const MAX_ASK_AFTER_MS = 12_000;

/** A peer that wants more than one repair in this time gets the next one later: each may cost a whole window. */
const REWIND_INTERVAL_MS = 300;

/** What is left of a lane when its peer has gone: should it be back, no number is given twice, and nothing delivered twice. */
export type LaneNumbers = SenderNumbers & { readonly next: number };

/** What the lanes need of others, the same for each. */
export type LaneParts = {
  readonly clock: Clock;
  /** Sends a control frame to the peer, at once. */
  readonly say: (sid: Sid, position: Omit<AcknowledgementFrame, "seq" | "stream">) => void;
  /** Perhaps `take` has a frame now. */
  readonly onReady: (lane: Lane) => void;
  readonly onFault: (sid: Sid, kind: "unreadable" | "flood") => void;
  /** A message that waited does so no more: it was sent, or is gone. */
  readonly onSettled: () => void;
};

/** Writes where one end of a lane is. */
export function encodePosition(seq: number, position: Omit<AcknowledgementFrame, "seq" | "stream">): Uint8Array {
  return encodeAcknowledgement({ seq, stream: DIRECT_STREAM, ...position });
}

/** The two halves of what goes between this client and one peer, and when its sender asks. Away at first. */
export class Lane {
  readonly sid: Sid;
  readonly receiver: LaneReceiver;
  readonly #parts: LaneParts;
  readonly #sender: LaneSender;
  readonly #backlog: Backlog<Outgoing>;
  #isHere = false;
  #isCongested = false;
  /** The peer was asked where to go on, and has not answered. */
  #isAsked = false;
  #rewoundAtMs = Number.NEGATIVE_INFINITY;
  #silenceCount = 0;
  /** Runs while the peer is here and anything is not acknowledged. */
  readonly #silence: Alarm;

  constructor(sid: Sid, parts: LaneParts, numbers: LaneNumbers) {
    this.sid = sid;
    this.#parts = parts;
    this.#sender = new LaneSender(numbers);
    this.receiver = new LaneReceiver(numbers.next);
    this.#backlog = new Backlog(parts.onSettled);
    this.#silence = new Alarm(parts.clock, () => {
      this.#silenceCount += 1;
      this.#ask();
    });
  }

  /** The epoch of the oldest message that is not acknowledged. */
  get oldestEpoch(): number | undefined {
    return this.#sender.oldestEpoch ?? this.#backlog.first?.epoch;
  }

  /** Resolves when the message has a number. @throws DeliveryError `would-wait`, `backlog-full`, `aborted`, and as `end` */
  async send(message: Outgoing, options: WaitingOptions): Promise<void> {
    const isFree = this.#backlog.first === undefined && this.#sender.hasRoom;
    const hasNumber = isFree ? this.#sender.add(message) : this.#backlog.wait(message, costOf(message), options);
    this.#watch();
    if (isFree) this.#parts.onReady(this);
    return hasNumber;
  }

  /** The next frame to send now. */
  take(): Uint8Array | undefined {
    return this.#isHere && !this.#isCongested ? this.#sender.take() : undefined;
  }

  /** The peer is here by a connection that is new, its own or this client's: what was on its way is lost. */
  back(): void {
    this.#isHere = true;
    this.#isCongested = false;
    this.#silenceCount = 0;
    this.receiver.forgetConnection();
    if (this.#sender.isUnsure || this.#backlog.first !== undefined) this.#ask();
    else this.#watch();
    this.#parts.onReady(this);
  }

  /** What is sent to the peer waits at the relay, or no more. */
  congestion(isCongested: boolean): void {
    this.#isCongested = isCongested;
    this.#parts.onReady(this);
  }

  /** Nothing reaches the peer. */
  away(): void {
    this.#isHere = false;
    this.#silence.cancel();
  }

  /** Says what the receiver has to say. */
  acknowledge(): void {
    const { next, byteLimit, owes } = this.receiver;
    if (owes === undefined) return;
    this.receiver.said();
    this.#parts.say(this.sid, { next, byteLimit, purpose: owes });
  }

  /** The peer says where it is. */
  acknowledged(frame: AcknowledgementFrame): void {
    const { confirmed } = this.#sender.numbers;
    if (!this.#sender.acknowledge(frame)) return this.#parts.onFault(this.sid, "unreadable");
    if (this.#sender.numbers.confirmed > confirmed) this.#silenceCount = 0;
    // First added, then taken: at each moment all that was sent is in one of the two.
    for (let next = this.#backlog.first; next !== undefined && this.#sender.hasRoom; next = this.#backlog.first) {
      this.#sender.add(next);
      this.#backlog.shift();
    }
    this.#watchAnew(ASK_AFTER_MS);
    if (frame.purpose === "resume") this.#resume(frame.next);
    // All that it could have missed has arrived.
    else if (!this.#sender.isUnsure) this.#sender.goOn();
    this.#parts.onReady(this);
  }

  /** Rejects what waits, and gives up what is not acknowledged. @returns with what a later lane to this peer begins. */
  end(error: PosternError): LaneNumbers {
    this.away();
    this.#backlog.clear(error);
    return { ...this.#sender.abandon(), next: this.receiver.next };
  }

  #resume(next: number): void {
    const isGone = next < this.#sender.numbers.first;
    if (isGone || this.#sender.isAhead) {
      const nowMs = this.#parts.clock.monotonicMs();
      if (!this.#isAsked && nowMs - this.#rewoundAtMs < REWIND_INTERVAL_MS) return this.#delay();
      this.#rewoundAtMs = nowMs;
    }
    // It has to hear first that this is gone.
    if (isGone) return this.#ask();
    this.#isAsked = false;
    this.#sender.rewind();
  }

  #delay(): void {
    this.#sender.pause();
    this.#watchAnew(REWIND_INTERVAL_MS);
    this.#parts.onFault(this.sid, "flood");
  }

  /** Asks where the receiver is, and sends nothing until it has said so: then nothing is sent in vain. */
  #ask(): void {
    const { first, confirmed } = this.#sender.numbers;
    this.#sender.pause();
    this.#isAsked = true;
    this.#watchAnew(ASK_AFTER_MS);
    this.#parts.say(this.sid, { next: first, byteLimit: confirmed, purpose: "ask" });
  }

  #watchAnew(afterMs: number): void {
    this.#silence.cancel();
    this.#watch(afterMs);
  }

  #watch(afterMs: number = ASK_AFTER_MS): void {
    if (!this.#isHere || !(this.#sender.isUnsure || this.oldestEpoch !== undefined)) return;
    this.#silence.within(Math.min(afterMs * 2 ** this.#silenceCount, MAX_ASK_AFTER_MS));
  }
}
