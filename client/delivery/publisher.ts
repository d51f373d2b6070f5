import type { Clock } from "../clock.ts";
import { DeliveryError, type PosternError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { encodeMessage, encodeSync } from "./frame.ts";
import type { HoldBack } from "./hold-back.ts";
import type { Member } from "./member.ts";
import { Pending } from "./pending.ts";
import type { DeliveryPolicy } from "./policy.ts";
import type { Carrier, Sid } from "./ports.ts";
import { costOf, type ResendBuffer } from "./resend-buffer.ts";

/** What it works with. */
export type PublisherParts = {
  readonly clock: Clock;
  readonly carrier: Carrier;
  readonly policy: DeliveryPolicy;
  readonly buffer: ResendBuffer;
  readonly members: ReadonlyMap<Sid, Member>;
  readonly holdBack: HoldBack;
  readonly nextControlSeq: () => number;
};

/** How a message is broadcast. */
export type BroadcastOptions = {
  readonly signal?: AbortSignal | undefined;
  /** False: rejects with `would-wait` in place of waiting. */
  readonly wait?: boolean | undefined;
};

/** What waits for its turn. Without a frame it is a `flush`, which takes no number. */
type Waiting = { readonly frame: Uint8Array | undefined; readonly pending: Pending };

type Receipt = { readonly head: number; readonly members: readonly Member[]; readonly pending: Pending };

const MAX_UNSENT_BYTES = 1_048_576;
const MAX_WAITING_BYTES = 1_048_576;
const MAX_WAITING = 1000;
/** After the last message: for those who have missed it. */
const IDLE_MS = [1000, 3000, 9000, 30_000] as const;
const ASKS_PER_BUFFER = 8;

/** Numbers what this client sends to all, says what it has sent, and waits where somebody would lose. */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #bufferBytes: number;
  readonly #idle: Alarm;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #receipts: Receipt[] = [];
  #blockers: readonly Member[] = [];
  #sentHead = 0;
  #unsentBytes = 0;
  #bytesSinceAsk = Number.POSITIVE_INFINITY;
  #askedHead = 0;
  #idleStep = 0;
  #idleFromMs = 0;
  #isIdleForSilentOnly = false;
  #rejoinedAtMs = 0;
  #isConnected = false;
  #isCongested = false;
  #isAdmitting = false;
  #end: PosternError | undefined;

  constructor(parts: PublisherParts, bufferBytes: number) {
    this.#parts = parts;
    this.#bufferBytes = bufferBytes;
    this.#idle = new Alarm(parts.clock, () => this.#onIdle());
  }

  /** The last number that has left: what others can know of. */
  get head(): number {
    return this.#sentHead;
  }

  /** What waits for its turn. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  broadcast(payload: Uint8Array, { signal, wait }: BroadcastOptions): Promise<void> {
    const refusal = this.#refusal(signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    const frame = encodeMessage(0, payload);
    if (this.#waiting.length === 0 && this.#canTake(frame)) {
      this.#take(frame);
      return Promise.resolve();
    }
    if (wait === false) return Promise.reject(new DeliveryError("would-wait"));
    const isTooMuch = this.#waiting.length > 0 && this.#waitingBytes + costOf(frame) > MAX_WAITING_BYTES;
    if (isTooMuch || this.#waiting.length >= MAX_WAITING) return Promise.reject(new DeliveryError("backlog-full"));
    return this.#wait(frame, signal);
  }

  /** Resolves when all members that are here now, and stay, have what was sent before. */
  async flush(signal: AbortSignal | undefined): Promise<void> {
    const refusal = this.#refusal(signal);
    if (refusal !== undefined) throw refusal;
    const members = [...this.#parts.members.values()];
    if (this.#waiting.length > 0) await this.#wait(undefined, signal);
    const pending = new Pending(signal, () => {
      this.#receipts = this.#receipts.filter((receipt) => receipt.pending !== pending);
    });
    this.#receipts.push({ head: this.#parts.buffer.head, members, pending });
    this.#settleReceipts();
    this.#askForReceipts();
    return pending.promise;
  }

  /** This client is here, at first or anew: says what it has sent, then sends what has not left. */
  joined(newcomers: readonly Member[]): void {
    this.#isConnected = true;
    this.#isCongested = false;
    this.#rejoinedAtMs = this.#parts.clock.monotonicMs();
    if (this.#sentHead > 0) this.#ask();
    this.syncTo(newcomers);
    this.#expectReplies();
    this.writable();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.#isCongested = false;
    this.#idle.cancel();
    this.review();
  }

  congestion(isCongested: boolean): void {
    this.#isCongested = isCongested;
    this.review();
  }

  /** Sends what waits: so many bytes, and what is left of the last frame. @returns whether nothing is left. */
  writable(maxBytes?: number): boolean {
    this.#send(maxBytes);
    this.review();
    return !this.#isConnected || this.#sentHead === this.#parts.buffer.head;
  }

  /** Says to these what they are owed. Each of them answers when it has it, or is asked again. */
  syncTo(members: readonly Member[]): void {
    if (members.length === 0 || !this.#isConnected || this.#sentHead === 0) return;
    this.#tellOwed(members);
    this.#expectReplies();
  }

  /** Somebody has confirmed, come, or gone: what waits may go on. */
  review(): void {
    this.#settleReceipts();
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    this.#blockers = [];
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (first.frame !== undefined && !this.#canTake(first.frame)) break;
      // Takes it from the list.
      first.pending.resolve();
      if (first.frame !== undefined) this.#take(first.frame);
    }
    this.#parts.holdBack.hold(this.#waiting.length > 0 ? this.#blockers : []);
    this.#isAdmitting = false;
  }

  /** Time is over for somebody who is waited for; or its answer may be lost. */
  holdDue(): void {
    this.syncTo(this.#parts.holdBack.blockers.filter(({ isHere }) => isHere));
    this.review();
  }

  /** Says that this session ends, as soon as all has left. @returns whether there is nothing left to wait for. */
  sayGoodbye(): boolean {
    if (!this.#isConnected) return true;
    this.writable();
    if (this.#waiting.length > 0 || this.#sentHead < this.#parts.buffer.head) return false;
    this.#parts.carrier.toAll(this.#sync(undefined, false, true));
    return true;
  }

  close(error: PosternError): void {
    this.#end = error;
    this.#isConnected = false;
    this.#idle.cancel();
    this.#isAdmitting = true;
    for (const { pending } of [...this.#waiting, ...this.#receipts]) pending.reject(error);
    this.#parts.holdBack.hold([]);
  }

  #refusal(signal: AbortSignal | undefined): PosternError | undefined {
    return this.#end ?? (signal?.aborted === true ? new DeliveryError("aborted", { cause: signal.reason }) : undefined);
  }

  #wait(frame: Uint8Array | undefined, signal: AbortSignal | undefined): Promise<void> {
    const cost = frame === undefined ? 0 : costOf(frame);
    const pending = new Pending(signal, () => {
      this.#waiting = this.#waiting.filter((waiting) => waiting.pending !== pending);
      this.#waitingBytes -= cost;
      this.review();
    });
    this.#waiting.push({ frame, pending });
    this.#waitingBytes += cost;
    if (this.#waiting.length === 1) this.#parts.holdBack.hold(this.#blockers);
    return pending.promise;
  }

  /** Makes room for a message where it may. */
  #canTake(frame: Uint8Array): boolean {
    const { buffer, holdBack } = this.#parts;
    const cost = costOf(frame);
    const maxUnsentBytes = Math.min(MAX_UNSENT_BYTES, this.#bufferBytes / 2);
    this.#blockers = [];
    if (this.#isCongested || (this.#unsentBytes > 0 && this.#unsentBytes + cost > maxUnsentBytes)) return false;
    while (buffer.bytes + cost > this.#bufferBytes && buffer.floor <= this.#sentHead) {
      this.#blockers = holdBack.lacking(buffer.floor);
      if (this.#blockers.length > 0) return false;
      buffer.dropOldest();
    }
    return buffer.bytes + cost <= this.#bufferBytes || buffer.bytes === 0;
  }

  /** From here on it has its number. */
  #take(frame: Uint8Array): void {
    this.#parts.buffer.add(frame);
    this.#unsentBytes += costOf(frame);
    this.#send();
  }

  #send(maxBytes: number = Number.POSITIVE_INFINITY): void {
    const { buffer, carrier, clock } = this.#parts;
    let leftBytes = maxBytes;
    while (this.#isConnected && carrier.isWritable && leftBytes > 0) {
      const kept = buffer.get(this.#sentHead + 1);
      if (kept === undefined) break;
      this.#sentHead += 1;
      kept.sentAtMs = clock.monotonicMs();
      const cost = costOf(kept.frame);
      this.#unsentBytes -= cost;
      leftBytes -= cost;
      this.#bytesSinceAsk += cost;
      carrier.toAll(kept.frame);
      this.#idleStep = 0;
      this.#idleFromMs = kept.sentAtMs;
      this.#isIdleForSilentOnly = false;
      if (this.#bytesSinceAsk >= this.#bufferBytes / ASKS_PER_BUFFER) this.#ask();
    }
    this.#idle.within(IDLE_MS[0]);
    this.#askForReceipts();
  }

  /** Asks all for a status: what they have confirmed the buffer need not keep. */
  #ask(): void {
    this.#bytesSinceAsk = 0;
    this.#askedHead = this.#sentHead;
    this.#parts.carrier.toAll(this.#sync(undefined, true));
    for (const member of this.#parts.members.values()) if (member.isHere) member.askedHead = this.#sentHead;
    this.#parts.holdBack.changed();
    this.#dropOld();
  }

  #askForReceipts(): void {
    const head = Math.max(0, ...this.#receipts.map((receipt) => receipt.head));
    if (!this.#isConnected || head <= this.#askedHead || head > this.#sentHead) return;
    this.#ask();
    this.#expectReplies();
  }

  #settleReceipts(): void {
    for (const { head, members, pending } of this.#receipts) {
      const isDone = members.every(
        (member) => this.#parts.members.get(member.sid) !== member || head === 0 || (member.confirmed ?? 0) > head,
      );
      if (isDone) pending.resolve();
    }
  }

  #tellOwed(members: readonly Member[]): void {
    const byBase = Map.groupBy(members, ({ base, confirmed }) => Math.max(base, (confirmed ?? 0) - 1));
    for (const [base, group] of byBase) {
      const sids = group.map(({ sid }) => sid);
      this.#parts.carrier.toPeers(sids, this.#sync(base, false));
      for (const member of group) member.askedHead = this.#sentHead;
    }
    this.#parts.holdBack.changed();
  }

  #sync(base: number | undefined, wantsReply: boolean, isLast = false): Uint8Array {
    const { floor } = this.#parts.buffer;
    const seq = this.#parts.nextControlSeq();
    return encodeSync({ seq, base, head: this.#sentHead, floor, wantsReply, isLast });
  }

  /** Who does not answer is asked again, also where nothing else is sent. */
  #expectReplies(): void {
    if (this.#idleStep < IDLE_MS.length && !this.#isIdleForSilentOnly) return this.#idle.within(IDLE_MS[0]);
    this.#idleStep = 0;
    this.#idleFromMs = this.#parts.clock.monotonicMs();
    this.#isIdleForSilentOnly = true;
    this.#idle.within(IDLE_MS[0]);
  }

  #onIdle(): void {
    const idleMs = this.#parts.clock.monotonicMs() - this.#idleFromMs;
    const dueMs = IDLE_MS[this.#idleStep];
    if (dueMs === undefined || !this.#isConnected) return this.#dropOld();
    if (idleMs + 1 < dueMs) return this.#idle.within(dueMs - idleMs);
    this.#idleStep += 1;
    this.#idle.within((IDLE_MS[this.#idleStep] ?? idleMs + IDLE_MS[0]) - idleMs);
    if (this.#sentHead === 0) return;
    if (!this.#isIdleForSilentOnly) this.#parts.carrier.toAll(this.#sync(undefined, false));
    const silent = [];
    for (const member of this.#parts.members.values()) {
      if (member.isHere && member.hasRoom && (member.confirmed ?? 0) <= member.askedHead) silent.push(member);
    }
    this.#tellOwed(silent);
  }

  /** Memory: what left long ago, and nobody who is protected lacks. */
  #dropOld(): void {
    const { buffer, clock, policy, holdBack } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (!this.#isConnected || !policy.isOld(nowMs - this.#rejoinedAtMs)) return;
    for (;;) {
      const sentAtMs = buffer.get(buffer.floor)?.sentAtMs;
      if (sentAtMs === undefined || !policy.isOld(nowMs - sentAtMs)) return;
      if (holdBack.lacking(buffer.floor).length > 0) return;
      buffer.dropOldest();
    }
  }
}
