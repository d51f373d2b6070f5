import type { Clock } from "../clock.ts";
import type { PosternError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { Backlog, type WaitingOptions } from "./backlog.ts";
import type { AcknowledgementFrame } from "./frame.ts";
import { LaneReceiver } from "./lane-receiver.ts";
import { costOf, LaneSender, type Outgoing, type SenderRest, type SenderWindow, WINDOW_BYTES } from "./lane-sender.ts";
import type { Sid } from "./ports.ts";
import type { Turns } from "./turns.ts";

/** The lane of messages has this stream in both directions, and is always there. */
export const DIRECT_STREAM = 0;

/** So long nothing is acknowledged until the sender asks; twice as long each time, up to the second. */
const ASK_AFTER_MS = 1500;
const MAX_ASK_AFTER_MS = 12_000;

/** A peer that wants more than one repair in this time gets the next one later: each may cost a whole window. */
const REWIND_INTERVAL_MS = 300;
/** So often a peer may say too early that something is missing. */
const MAX_HASTY = 4;

/** What is left of a lane when its peer has gone: should it be back, no number is given twice, and nothing delivered twice. */
export type LaneRest = SenderRest & { readonly next: number };

/** What the lanes need of others, the same for each. */
export type LaneParts = {
  readonly clock: Clock;
  readonly turns: Turns;
  /** Sends a control frame to the peer, at once. */
  readonly say: (sid: Sid, stream: number, position: Position) => void;
  readonly onFault: (sid: Sid, kind: "unreadable" | "unknown-kind" | "flood") => void;
  /** A message that waited does so no more: it was sent, or is gone. */
  readonly onSettled: () => void;
};

/** Where one end of a lane is. */
export type Position = Omit<AcknowledgementFrame, "seq" | "stream">;

/** What a lane begins with. */
export type LaneBeginning = SenderWindow & {
  /** Under which it sends. */
  readonly stream: number;
  /** Under which the peer does; undefined while that is not known. */
  readonly peerStream: number | undefined;
  /** What it takes before that is read. */
  readonly ownWindowBytes: number;
};

/** The lane of messages. */
const direct: LaneBeginning = {
  stream: DIRECT_STREAM,
  peerStream: DIRECT_STREAM,
  maxWindowBytes: WINDOW_BYTES,
  creditBytes: WINDOW_BYTES,
  ownWindowBytes: WINDOW_BYTES,
};

/** The two halves of what goes between this client and one peer, and when its sender asks. */
export class Lane {
  readonly sid: Sid;
  readonly stream: number;
  readonly sender: LaneSender;
  readonly receiver: LaneReceiver;
  #peerStream: number | undefined;
  readonly #parts: LaneParts;
  readonly #backlog: Backlog<Outgoing>;
  #isHere = false;
  #isCongested = false;
  /** The peer was asked where to go on, and has not answered. */
  #isAsked = false;
  #rewoundAtMs = Number.NEGATIVE_INFINITY;
  /** How often the peer has said since then that something is missing, unasked. */
  #hastyCount = 0;
  #silenceCount = 0;
  /** Runs while the peer is here and anything is not acknowledged. */
  readonly #silence: Alarm;

  /** @param beside a lane to the same peer: this one is here, and congested, as that is. Left out: away. */
  constructor(sid: Sid, parts: LaneParts, rest: LaneRest, beginning: LaneBeginning = direct, beside?: Lane) {
    this.sid = sid;
    this.stream = beginning.stream;
    this.#peerStream = beginning.peerStream;
    this.#parts = parts;
    if (beside !== undefined) {
      this.#isHere = beside.#isHere;
      this.#isCongested = beside.#isCongested;
    }
    this.sender = new LaneSender(rest, beginning);
    this.receiver = new LaneReceiver(rest.next, beginning.ownWindowBytes);
    this.#backlog = new Backlog(parts.onSettled);
    this.#silence = new Alarm(parts.clock, () => {
      this.#silenceCount += 1;
      this.#ask();
    });
  }

  /** The peer is reached. */
  get isHere(): boolean {
    return this.#isHere;
  }

  /** The stream under which the peer sends; undefined while that is not known. */
  get peerStream(): number | undefined {
    return this.#peerStream;
  }

  /** The epoch of the oldest message that is not acknowledged. */
  get oldestEpoch(): number | undefined {
    return this.sender.oldestEpoch ?? this.#backlog.first?.epoch;
  }

  /** Resolves when the message has a number. @throws DeliveryError `would-wait`, `backlog-full`, `aborted`, and as `end` */
  async send(message: Outgoing, options: WaitingOptions): Promise<void> {
    const isFree = this.#backlog.first === undefined && this.sender.hasRoom;
    if (isFree) this.add(message);
    else {
      const hasNumber = this.#backlog.wait(message, costOf(message), options);
      this.#watch();
      await hasNumber;
    }
  }

  /** Gives a chunk its number, also where there is no room for more, and sends it when it may be sent. @returns the number */
  add(message: Outgoing): number {
    const seq = this.sender.add(message);
    this.#watch();
    this.#parts.turns.ready(this);
    return seq;
  }

  /** Gives up what has not been sent, and what waits for its number. @returns how many chunks had one. */
  dropUnsent(error: PosternError): number {
    this.#backlog.clear(error);
    return this.sender.dropUnsent();
  }

  /** The peer sends under this stream. */
  bind(peerStream: number): void {
    this.#peerStream = peerStream;
  }

  /** The next frame to send now. */
  take(): Uint8Array | undefined {
    return this.#isHere && !this.#isCongested ? this.sender.take() : undefined;
  }

  /** The peer is here by a connection that is new, its own or this client's: what was on its way is lost. */
  back(): void {
    this.#isHere = true;
    this.#isCongested = false;
    this.#silenceCount = 0;
    this.receiver.forgetConnection();
    // A peer that has given a stream up says so when it is asked.
    const isStream = this.stream !== DIRECT_STREAM && this.sender.numbers.first > 1;
    const mustAsk = isStream || this.sender.isUnsure || this.#backlog.first !== undefined;
    if (mustAsk) this.#ask();
    else this.#watch();
    this.#parts.turns.ready(this);
  }

  /** What is sent to the peer waits at the relay, or no more. */
  congestion(isCongested: boolean): void {
    this.#isCongested = isCongested;
    this.#parts.turns.ready(this);
  }

  /** Nothing reaches the peer. */
  away(): void {
    this.#isHere = false;
    this.#silence.cancel();
  }

  /** Says what the receiver has to say. */
  acknowledge(): void {
    const { next, byteLimit, owes } = this.receiver;
    if (owes === undefined || this.#peerStream === undefined) return;
    this.receiver.said();
    this.#parts.say(this.sid, this.#peerStream, { next, byteLimit, purpose: owes });
  }

  /** The peer says where it is. */
  acknowledged(frame: AcknowledgementFrame): void {
    const { confirmed } = this.sender.numbers;
    if (!this.sender.acknowledge(frame)) return this.#parts.onFault(this.sid, "unreadable");
    if (this.sender.numbers.confirmed > confirmed) this.#silenceCount = 0;
    // First added, then taken: at each moment all that was sent is in one of the two.
    for (let next = this.#backlog.first; next !== undefined && this.sender.hasRoom; next = this.#backlog.first) {
      this.sender.add(next);
      this.#backlog.shift();
    }
    this.#watchAnew(ASK_AFTER_MS);
    if (frame.purpose === "resume") this.#resume(frame.next);
    // All that it could have missed has arrived.
    else if (!this.sender.isUnsure) this.sender.goOn();
    this.#parts.turns.ready(this);
  }

  /** Rejects what waits. @returns with what a later lane to this peer may begin: what is not acknowledged is in it. */
  end(error: PosternError): LaneRest {
    this.away();
    this.#parts.turns.forget(this);
    this.#backlog.clear(error);
    return { ...this.sender.rest, next: this.receiver.next };
  }

  #resume(next: number): void {
    const isGone = next < this.sender.numbers.first;
    if (isGone || this.sender.isAhead) {
      const nowMs = this.#parts.clock.monotonicMs();
      if (!this.#isAsked && nowMs - this.#rewoundAtMs < REWIND_INTERVAL_MS) return this.#delay();
      this.#rewoundAtMs = nowMs;
      this.#hastyCount = 0;
    }
    // It has to hear first that this is gone.
    if (isGone) return this.#ask();
    this.#isAsked = false;
    this.sender.rewind();
  }

  #delay(): void {
    this.sender.pause();
    this.#watchAnew(REWIND_INTERVAL_MS);
    this.#hastyCount += 1;
    // Who takes another route, or whose relay does, may say it once more for each.
    if (this.#hastyCount > MAX_HASTY) this.#parts.onFault(this.sid, "flood");
  }

  /** Asks where the receiver is, and sends nothing until it has said so: then nothing is sent in vain. */
  #ask(): void {
    const { first, confirmed } = this.sender.numbers;
    this.sender.pause();
    this.#isAsked = true;
    this.#watchAnew(ASK_AFTER_MS);
    this.#parts.say(this.sid, this.stream, { next: first, byteLimit: confirmed, purpose: "ask" });
  }

  #watchAnew(afterMs: number): void {
    this.#silence.cancel();
    this.#watch(afterMs);
  }

  #watch(afterMs: number = ASK_AFTER_MS): void {
    if (!this.#isHere || !(this.sender.isUnsure || this.sender.keptBytes > 0 || this.#backlog.first !== undefined))
      return;
    this.#silence.within(Math.min(afterMs * 2 ** this.#silenceCount, MAX_ASK_AFTER_MS));
  }
}
