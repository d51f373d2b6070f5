import type { DeliveryFigures } from "../../client/delivery/delivery.ts";
import { decodeFrame, FRAME_COST_BYTES, type StatusFrame } from "../../client/delivery/frame.ts";
import { noRepairs, type Repaired, withRepair } from "./repaired.ts";

/** An invariant of the delivery layer is broken: its number, and what was seen. */
export class Broken extends Error {
  readonly invariant: number;

  constructor(invariant: number, text: string) {
    super(`invariant ${invariant}: ${text}`);
    this.invariant = invariant;
  }
}

/** What one receiver was given of one sender. */
type Pair = {
  /** The next number that may be released; undefined before the first. */
  expected: number | undefined;
  /** Losses before the first message. */
  lostAtStart: number;
  /** The highest floor of an addressed sync. */
  floor: number;
  /** What is good only at the moment of the leave: a loss beyond every floor, or a beginning without a base. */
  suspicion: { readonly atMs: number; readonly broken: Broken } | undefined;
  /** The sender's head when it first saw the receiver. */
  headAtSight: number | undefined;
  /** As the sender knows it from statuses that reached it. */
  confirmed: number | undefined;
  hasRoom: boolean;
  askedHead: number;
  /** Since when this receiver does not see the sender; undefined: it does. */
  unseenSinceMs: number | undefined;
  isShown: boolean;
  /** Repair of this sender to this receiver alone: asked for, and on its way. */
  budgetBytes: number;
  inFlightBytes: number;
  largestBytes: number;
  isOwnAbsence: boolean;
};

type Sender = {
  readonly frames: Map<number, string>;
  readonly controls: Map<string, string>;
  readonly seqByCall: Map<number, number>;
  lastCall: number;
  head: number;
  floor: number;
  isConnected: boolean;
  rejoinedAtMs: number;
  held: readonly string[];
  heldFromMs: number;
  readonly spans: { readonly fromMs: number; readonly untilMs: number; readonly sids: readonly string[] }[];
};

export type TruthOptions = {
  readonly graceMs: number;
  readonly heldMsEach: number;
  readonly heldMsInAll: number;
  readonly resendBufferBytes: number;
  readonly nowMs: () => number;
  /** Whether this member keeps to the protocol. */
  readonly isHonest: (sid: string) => boolean;
};

const MINUTE_MS = 60_000;
/** What is measured from outside differs so much from what is counted inside. */
const SLACK_MS = 60;

/** All that happens, seen from above: throws as soon as one of the twelve invariants is broken. */
export class DeliveryTruth {
  readonly #options: TruthOptions;
  readonly #pairs = new Map<string, Pair>();
  readonly #senders = new Map<string, Sender>();
  /** How often messages were sent again, and how many were missed by somebody. */
  resendCount = 0;
  resendBytes = 0;
  repaired: Repaired = noRepairs;
  lostCount = 0;
  releasedCount = 0;

  constructor(options: TruthOptions) {
    this.#options = options;
  }

  pair(receiver: string, sender: string): Pair {
    const key = `${receiver} ${sender}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = {
        expected: undefined,
        lostAtStart: 0,
        floor: 0,
        suspicion: undefined,
        headAtSight: undefined,
        confirmed: undefined,
        hasRoom: true,
        askedHead: 0,
        unseenSinceMs: this.#options.nowMs(),
        isShown: false,
        budgetBytes: 0,
        inFlightBytes: 0,
        largestBytes: 0,
        isOwnAbsence: false,
      };
      this.#pairs.set(key, pair);
    }
    return pair;
  }

  sender(sid: string): Sender {
    let sender = this.#senders.get(sid);
    if (sender === undefined) {
      sender = {
        frames: new Map(),
        controls: new Map(),
        seqByCall: new Map(),
        lastCall: -1,
        head: 0,
        floor: 1,
        isConnected: false,
        rejoinedAtMs: 0,
        held: [],
        heldFromMs: 0,
        spans: [],
      };
      this.#senders.set(sid, sender);
    }
    return sender;
  }

  /** A member has given a frame to its carrier. */
  sent(sid: string, frame: Uint8Array, to: readonly string[] | undefined, here: readonly string[]): void {
    const sender = this.sender(sid);
    const decoded = decodeFrame(frame);
    const body = Buffer.from(frame).toString("latin1");
    if (decoded.type === "message") {
      const sealed = body[0] + body.slice(2);
      const before = sender.frames.get(decoded.seq);
      if (before !== undefined && before !== sealed) throw new Broken(4, `message ${decoded.seq} was made anew`);
      if (decoded.isResend) return this.#resent(sid, frame, to, here.length);
      if (before !== undefined) throw new Broken(4, `message ${decoded.seq} was sent twice as new`);
      if (decoded.seq !== sender.head + 1) throw new Broken(12, `${decoded.seq} follows ${sender.head}`);
      sender.frames.set(decoded.seq, sealed);
      sender.head = decoded.seq;
      const call = callOf(decoded.payload);
      if (call <= sender.lastCall) throw new Broken(12, `call ${call} was numbered behind call ${sender.lastCall}`);
      sender.lastCall = call;
      sender.seqByCall.set(call, decoded.seq);
      return;
    }
    if (decoded.type === "sync" || decoded.type === "status") {
      const key = `${decoded.type} ${decoded.seq}`;
      if (sender.controls.has(key)) throw new Broken(4, `${key} was sent twice`);
      sender.controls.set(key, body);
    }
    if (decoded.type === "sync" && (decoded.base !== undefined || decoded.wantsReply)) {
      for (const receiver of to ?? here) this.pair(receiver, sid).askedHead = decoded.head;
    }
    if (decoded.type === "status") {
      for (const asked of to ?? []) {
        // The sum of what was asked for within a retry, and never more than the whole.
        if (decoded.ranges.length > 0) this.pair(sid, asked).budgetBytes = decoded.byteBudget;
      }
    }
  }

  #resent(sid: string, frame: Uint8Array, to: readonly string[] | undefined, hereCount: number): void {
    this.resendCount += 1;
    this.resendBytes += frame.byteLength;
    this.repaired = withRepair(this.repaired, frame, to, hereCount);
    for (const receiver of to ?? []) {
      const pair = this.pair(receiver, sid);
      pair.inFlightBytes += frame.byteLength + FRAME_COST_BYTES;
      pair.largestBytes = Math.max(pair.largestBytes, frame.byteLength + FRAME_COST_BYTES);
    }
  }

  /** A repair to one receiver has come, or was lost on the way. */
  repairEnded(receiver: string, sender: string, bytes: number): void {
    this.pair(receiver, sender).inFlightBytes -= bytes + FRAME_COST_BYTES;
  }

  /** Invariant 8: what is on its way to a receiver of all who repair, and of each. */
  checkRepairs(receiver: string, senders: readonly string[]): void {
    let sum = 0;
    let slack = 0;
    let { rejoinedAtMs } = this.sender(receiver);
    for (const sender of senders) {
      const pair = this.pair(receiver, sender);
      sum += pair.inFlightBytes;
      slack += pair.largestBytes + 32_768;
      rejoinedAtMs = Math.max(rejoinedAtMs, this.sender(sender).rejoinedAtMs);
    }
    // What was on its way over the line before this one is lost, or comes as well: for as long as a slow line takes.
    if (this.#options.nowMs() - rejoinedAtMs < 6000) slack += 524_288;
    if (sum > 524_288 + slack) throw new Broken(8, `${sum} bytes of repair are on their way to ${receiver}`);
  }

  /** A sync has reached a receiver. */
  synced(receiver: string, sender: string, frame: { readonly floor: number; readonly base: number | undefined }): void {
    if (frame.base === undefined) return;
    const pair = this.pair(receiver, sender);
    pair.floor = Math.max(pair.floor, frame.floor);
  }

  /** A status has reached the sender. */
  confirmed(sender: string, receiver: string, { next, byteBudget, hasState }: StatusFrame): void {
    const pair = this.pair(receiver, sender);
    if (hasState) pair.confirmed = Math.max(pair.confirmed ?? 0, next);
    pair.hasRoom = byteBudget > 0;
  }

  connected(sid: string): void {
    const sender = this.sender(sid);
    this.#closeSpan(sender);
    sender.isConnected = true;
    sender.rejoinedAtMs = this.#options.nowMs();
  }

  disconnected(sid: string): void {
    const sender = this.sender(sid);
    this.#closeSpan(sender);
    sender.isConnected = false;
  }

  /** As the relay tells it: this receiver sees the sender, or no longer does. */
  sees(receiver: string, sender: string, isSeen: boolean, isOwn = false): void {
    const pair = this.pair(receiver, sender);
    const back = this.pair(sender, receiver);
    this.#closeSpan(this.sender(receiver));
    if (isSeen || pair.unseenSinceMs === undefined) back.isOwnAbsence = !isSeen && isOwn;
    if (isSeen) pair.unseenSinceMs = undefined;
    else pair.unseenSinceMs ??= this.#options.nowMs();
  }

  /** The app of `self` is told that `other` is here. */
  joined(self: string, other: string): void {
    const shown = this.pair(self, other);
    if (shown.isShown) throw new Broken(7, `${other} joined twice at ${self}`);
    shown.isShown = true;
    const pair = this.pair(other, self);
    pair.headAtSight ??= this.sender(self).head;
  }

  left(self: string, other: string, { hasGrace }: { readonly hasGrace: boolean }): void {
    const shown = this.pair(self, other);
    if (!shown.isShown) throw new Broken(7, `${other} left ${self} without having joined`);
    shown.isShown = false;
    if (shown.suspicion?.atMs === this.#options.nowMs()) shown.suspicion = undefined;
    const sinceMs = Math.max(shown.unseenSinceMs ?? Number.POSITIVE_INFINITY, this.sender(self).rejoinedAtMs);
    const awayMs = this.#options.nowMs() - sinceMs;
    if (hasGrace && !(awayMs >= this.#options.graceMs - 1))
      throw new Broken(7, `${other} left ${self} after ${awayMs} ms`);
  }

  message(receiver: string, sender: string, payload: Uint8Array): void {
    const seq = this.sender(sender).seqByCall.get(callOf(payload));
    if (
      seq === undefined ||
      this.sender(sender).frames.get(seq)?.slice(7) !== Buffer.from(payload).toString("latin1")
    ) {
      throw new Broken(1, `${receiver} got what ${sender} never sent`);
    }
    const pair = this.pair(receiver, sender);
    if (pair.suspicion !== undefined && pair.suspicion.atMs < this.#options.nowMs()) throw pair.suspicion.broken;
    if (pair.expected === undefined) {
      const baseline = seq - 1 - pair.lostAtStart;
      if (baseline > (pair.headAtSight ?? 0)) {
        this.#suspect(pair, 2, `${receiver} begins at ${seq}, and ${sender} saw it at ${pair.headAtSight}`);
      }
      pair.expected = seq;
    }
    if (seq !== pair.expected) throw new Broken(1, `${receiver} got ${seq} of ${sender}, and ${pair.expected} is next`);
    if (!pair.isShown) throw new Broken(7, `${receiver} got a message of ${sender}, who has left`);
    pair.expected += 1;
    this.releasedCount += 1;
  }

  lost(receiver: string, sender: string, count: number): void {
    const pair = this.pair(receiver, sender);
    this.lostCount += count;
    if (!(count >= 1)) throw new Broken(1, `${count} lost`);
    if (pair.expected === undefined) {
      pair.lostAtStart += count;
      return;
    }
    pair.expected += count;
    if (pair.expected > pair.floor) this.#suspect(pair, 6, `${receiver} took as lost what ${sender} may have`);
  }

  #suspect(pair: Pair, invariant: number, text: string): void {
    pair.suspicion ??= { atMs: this.#options.nowMs(), broken: new Broken(invariant, text) };
  }

  /** Every now and then: what a member keeps, against its bounds and what it owes. */
  checkFigures(sid: string, figures: DeliveryFigures, members: readonly string[]): void {
    const { resendBufferBytes } = this.#options;
    const { bufferBytes, heldBytes, waitingBytes, floor } = figures;
    const isBounded = bufferBytes <= resendBufferBytes && heldBytes <= resendBufferBytes && waitingBytes <= 1_048_576;
    if (!isBounded || heldBytes < 0 || waitingBytes < 0) throw new Broken(5, JSON.stringify(figures));
    const sender = this.sender(sid);
    if (floor > sender.floor) {
      for (const other of members) if (other !== sid) this.#checkDrop(sid, other, floor);
      sender.floor = floor;
    }
    for (const other of members) {
      const pair = this.pair(other, sid);
      if (pair.suspicion !== undefined) throw pair.suspicion.broken;
    }
    this.#checkHeld(sid, members);
  }

  #checkDrop(sid: string, other: string, floor: number): void {
    const pair = this.pair(other, sid);
    const isKnown = this.pair(sid, other).isShown;
    if (!isKnown || pair.confirmed === undefined || !pair.hasRoom || pair.confirmed >= floor) return;
    const isAway = this.pair(sid, other).unseenSinceMs !== undefined;
    if (!isAway && pair.confirmed > pair.askedHead) return;
    const { each, all } = this.#heldMs(sid, other);
    const { heldMsEach, heldMsInAll } = this.#options;
    if (each >= heldMsEach - SLACK_MS || all >= heldMsInAll - SLACK_MS) return;
    throw new Broken(
      10,
      `${sid} dropped up to ${floor - 1}, and ${other} has ${pair.confirmed - 1}; held ${each} ms of it`,
    );
  }

  #checkHeld(sid: string, members: readonly string[]): void {
    const { heldMsEach, heldMsInAll } = this.#options;
    for (const other of members) {
      const { each, all } = this.#heldMs(sid, other);
      if (each > heldMsEach + SLACK_MS) throw new Broken(11, `${sid} was held for ${other} for ${each} ms in a minute`);
      if (all > heldMsInAll + SLACK_MS) throw new Broken(11, `${sid} was held for ${all} ms in a minute`);
    }
  }

  held(sid: string, sids: readonly string[]): void {
    const sender = this.sender(sid);
    this.#closeSpan(sender);
    sender.held = sids;
  }

  #closeSpan(sender: Sender): void {
    const nowMs = this.#options.nowMs();
    const fromMs = sender.heldFromMs;
    sender.heldFromMs = nowMs;
    if (sender.held.length === 0 || !sender.isConnected || nowMs === fromMs) return;
    const sid = [...this.#senders].find(([, other]) => other === sender)?.[0] ?? "";
    const sids = sender.held.filter((other) => {
      const isAway = this.pair(sid, other).unseenSinceMs !== undefined;
      return !(isAway && this.pair(other, sid).isOwnAbsence);
    });
    if (sids.length > 0) sender.spans.push({ fromMs, untilMs: nowMs, sids });
  }

  #heldMs(sid: string, other: string): { each: number; all: number } {
    const sender = this.sender(sid);
    this.#closeSpan(sender);
    const sinceMs = this.#options.nowMs() - MINUTE_MS;
    let [each, all] = [0, 0];
    while ((sender.spans[0]?.untilMs ?? sinceMs) < sinceMs) sender.spans.shift();
    for (const { fromMs, untilMs, sids } of sender.spans) {
      const ms = untilMs - Math.max(fromMs, sinceMs);
      all += ms;
      if (sids.includes(other)) each += ms;
    }
    return { each, all };
  }

  /** Invariant 3: after a quiet time all have all, of all that stayed. */
  checkQuiet(members: readonly string[]): void {
    for (const receiver of members) {
      for (const sender of members) {
        if (receiver === sender || !this.#options.isHonest(receiver) || !this.#options.isHonest(sender)) continue;
        const pair = this.pair(receiver, sender);
        const { head } = this.sender(sender);
        const has = pair.expected === undefined ? (pair.headAtSight ?? 0) + pair.lostAtStart : pair.expected - 1;
        if (has < head) throw new Broken(3, `${receiver} has ${has} of ${head} of ${sender}`);
      }
    }
  }
}

/** The call of `broadcast` that a payload was made for. */
function callOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}
