import type { Clock } from "../clock.ts";
import type { PosternError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import { decodeFrame, encodeStatus, type StatusFrame } from "./frame.ts";
import { HoldBack } from "./hold-back.ts";
import { Allowance, HeldTime, type Member } from "./member.ts";
import { type DeliveryPolicy, deliveryPolicy } from "./policy.ts";
import type { Carrier, DeliveryEvents, DirectLanes, Sid } from "./ports.ts";
import { type BroadcastOptions, Publisher } from "./publisher.ts";
import { type Inbound, Receiver } from "./receiver.ts";
import { Repairs } from "./repairs.ts";
import { ResendBuffer } from "./resend-buffer.ts";

/** What a delivery works with. */
export type DeliveryParts = {
  readonly clock: Clock;
  readonly carrier: Carrier;
  readonly events: DeliveryEvents;
  readonly lanes: DirectLanes;
  /** The next of the count of control frames that this session has sent: one count for all of them. */
  readonly nextControlSeq: () => number;
  /** Left out: the real one. */
  readonly policy?: DeliveryPolicy;
};

/** Bounds, in bytes and ms. */
export type DeliveryOptions = {
  /** What is kept to be sent again: 16 MiB on Node, 4 MiB in a browser. */
  readonly resendBufferBytes: number;
  /** What this client's library takes at most: larger messages are not asked for again. */
  readonly maxPayloadBytes: number;
  /** How long an absence is not shown. */
  readonly graceMs?: number;
  /** How long `broadcast` waits for one member, and for all, within a minute. */
  readonly heldMsEach?: number;
  readonly heldMsInAll?: number;
  /** More are not heard. */
  readonly maxMembers?: number;
};

/** How much is kept. */
export type DeliveryFigures = {
  /** To be sent again: the numbers floor..head. */
  readonly bufferBytes: number;
  readonly floor: number;
  readonly head: number;
  /** Of others, for a gap or for the app. */
  readonly heldBytes: number;
  /** Broadcasts that wait. */
  readonly waitingBytes: number;
  readonly memberCount: number;
};

/** Where a session was when it was gone: in its messages, and in those of this client. */
type Place = Pick<Member, "base" | "confirmed" | "held"> & { readonly next: number | undefined };

/** So much goes to all, or to single peers, before it is the turn of the others. */
const TURN_BYTES = 64 * 1024;

/** So many of them are remembered. */
const MAX_PLACES = 1024;

/**
 * What makes a topic reliable between its ends: everything that goes to all has a number, is kept, and is sent again to who
 * lacks it. One for each `join` of the app; it outlives connections.
 */
export class Delivery {
  readonly #parts: DeliveryParts & { readonly policy: DeliveryPolicy };
  readonly #options: Required<DeliveryOptions>;
  readonly #members = new Map<Sid, Member>();
  readonly #graces = new Map<Sid, Alarm>();
  readonly #places = new Map<Sid, Place>();
  readonly #faults: Allowance;
  readonly #inbound: Inbound;
  readonly #buffer = new ResendBuffer();
  readonly #repairs: Repairs;
  readonly #holdBack: HoldBack;
  readonly #publisher: Publisher;
  #isConnected = false;
  #isClosed = false;

  constructor(parts: DeliveryParts, options: DeliveryOptions) {
    this.#options = { graceMs: 8000, heldMsEach: 8000, heldMsInAll: 16_000, maxMembers: 10_000, ...options };
    const { resendBufferBytes } = options;
    this.#faults = new Allowance(parts.clock, 100, 10);
    const events = { ...parts.events, onFault: this.#tellFault.bind(this, parts.events) };
    const policy = parts.policy ?? deliveryPolicy;
    this.#parts = { ...parts, events, policy };
    const maxHeldBytesEach = resendBufferBytes / 4;
    this.#inbound = { heldBytes: 0, maxHeldBytes: resendBufferBytes, maxHeldBytesEach, asking: new Set() };
    const shared = {
      clock: parts.clock,
      carrier: parts.carrier,
      events,
      policy,
      nextControlSeq: parts.nextControlSeq,
      buffer: this.#buffer,
      members: this.#members,
    };
    this.#repairs = new Repairs(shared);
    this.#holdBack = new HoldBack({ ...shared, onDue: () => this.#publisher.holdDue() }, this.#options);
    this.#publisher = new Publisher({ ...shared, holdBack: this.#holdBack }, resendBufferBytes);
  }

  /**
   * Sends to all members. Resolves when there is room for more. The payload is copied at once.
   * @throws DeliveryError `backlog-full`, `would-wait`, `aborted`, and what `close` was called with. Then it has no number.
   */
  broadcast(payload: Uint8Array, options: BroadcastOptions = {}): Promise<void> {
    return this.#publisher.broadcast(payload, options);
  }

  /** Resolves when every member that is here now, and stays, has what was sent before. @throws DeliveryError as `broadcast` */
  flush({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#publisher.flush(signal);
  }

  /** What is kept: in bytes, with `FRAME_COST_BYTES` for each frame. */
  get figures(): DeliveryFigures {
    const { bytes, floor, head } = this.#buffer;
    const { heldBytes } = this.#inbound;
    const memberCount = this.#members.size;
    return { bufferBytes: bytes, floor, head, heldBytes, waitingBytes: this.#publisher.waitingBytes, memberCount };
  }

  /** This client is in the topic, at first or anew, and so are these. */
  joined(sids: readonly Sid[]): void {
    if (this.#isClosed) return;
    this.#isConnected = true;
    this.#repairs.joined();
    this.#holdBack.changed({ isConnected: true });
    const present = new Set(sids);
    const newcomers: Member[] = [];
    for (const sid of present) {
      const known = this.#members.get(sid);
      if (known !== undefined) this.#back(known);
      else newcomers.push(...this.#add(sid));
    }
    // Counted from now: who was away, and who was lost with one's own connection, may be a little later.
    for (const { sid, isHere } of this.#members.values()) if (!isHere) this.#startGrace(sid);
    this.#publisher.joined(newcomers);
  }

  /** The connection is gone. */
  disconnected(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    for (const grace of this.#graces.values()) grace.cancel();
    this.#graces.clear();
    for (const member of this.#members.values()) if (member.isHere) this.#away(member, { isOwnAbsence: true });
    this.#repairs.disconnected();
    this.#holdBack.changed({ isConnected: false });
    this.#publisher.disconnected();
  }

  /** Somebody has come, or is back. */
  peerJoined(sid: Sid): void {
    if (!this.#isConnected) return;
    const known = this.#members.get(sid);
    if (known?.isHere === true) return;
    if (known !== undefined) this.#back(known);
    this.#publisher.syncTo(known === undefined ? this.#add(sid) : [known]);
    this.#repairs.memberBack(known);
    this.#publisher.review();
  }

  /** These are reached by another way than before, and were never gone: what was on its way may be lost. */
  rerouted(sids: readonly Sid[]): void {
    if (!this.#isConnected) return;
    const members = sids.flatMap((sid) => this.#members.get(sid) ?? []).filter(({ isHere }) => isHere);
    for (const member of members) {
      this.#reached(member);
      this.#repairs.rerouted(member);
    }
    this.#publisher.syncTo(members);
    this.#publisher.review();
  }

  /** Its last connection is gone. */
  peerLeft(sid: Sid): void {
    const member = this.#members.get(sid);
    if (!this.#isConnected || member?.isHere !== true) return;
    this.#away(member, { isOwnAbsence: false });
    if (member.isLeaving) this.#gone(member);
    else this.#startGrace(sid);
    this.#publisher.review();
  }

  /** What a member has sent: any bytes, the callee's. */
  received(sid: Sid, bytes: Uint8Array, { isAddressed }: { readonly isAddressed: boolean }): void {
    const member = this.#members.get(sid);
    if (this.#isClosed || member?.isHere !== true) return;
    const frame = decodeFrame(bytes);
    switch (frame.type) {
      case "message":
        return member.receiver.message(frame);
      case "sync":
        member.isLeaving = frame.isLast;
        return member.receiver.sync(frame, isAddressed);
      case "status":
        return isAddressed ? this.#onStatus(member, frame) : undefined;
      case "chunk":
      case "acknowledgement":
        return isAddressed ? this.#parts.lanes.received(sid, frame) : undefined;
      case "unreadable":
      case "unknown-kind":
        return this.#parts.events.onFault(sid, frame.type);
    }
  }

  /** The carrier has room. */
  writable(): void {
    if (!this.#isConnected) return;
    this.#repairs.send();
    // What is sent to all and what is sent to one take turns.
    let isAll = false;
    while (!isAll && this.#parts.carrier.isWritable) {
      isAll = this.#publisher.writable(TURN_BYTES);
      isAll = this.#parts.lanes.writable(TURN_BYTES) && isAll;
    }
  }

  /** What is sent to all (`to` undefined), or to one, waits at the relay, or no more. */
  congestion({ to, isCongested }: { readonly to?: Sid | undefined; readonly isCongested: boolean }): void {
    if (!this.#isConnected) return;
    if (to === undefined) {
      this.#repairs.congestion(isCongested);
      return this.#publisher.congestion(isCongested);
    }
    const member = this.#members.get(to);
    if (member === undefined) return;
    member.isCongested = isCongested;
    this.#parts.lanes.congestion(to, isCongested);
  }

  /** The relay has left out so many messages of this member, of so many bytes in all. */
  omitted(sid: Sid, { count, sizeBytes }: { readonly count: number; readonly sizeBytes: number }): void {
    this.#members.get(sid)?.receiver.omitted(count, sizeBytes / count > this.#options.maxPayloadBytes);
  }

  /** The app has room for messages again. */
  roomAgain(): void {
    for (const member of this.#members.values()) {
      member.receiver.roomAgain();
      if (this.#isConnected && !member.isHere && !this.#graces.has(member.sid)) this.#gone(member);
    }
    this.#parts.lanes.roomAgain();
  }

  /** Says that this session ends, as soon as all has left. @returns whether there is nothing left to wait for. */
  sayGoodbye(): boolean {
    // Nothing that is for single peers may be behind the goodbye.
    const hasLeft = !this.#isConnected || this.#parts.lanes.writable();
    return hasLeft && this.#publisher.sayGoodbye();
  }

  /** Ends everything: what waits is rejected with this. Nothing is told afterwards. */
  close(error: PosternError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isConnected = false;
    for (const grace of this.#graces.values()) grace.cancel();
    for (const { receiver } of this.#members.values()) receiver.close();
    this.#repairs.disconnected();
    this.#publisher.close(error);
    this.#parts.lanes.close(error);
  }

  #onStatus(member: Member, status: StatusFrame): void {
    const { next, hasState, ranges } = status;
    const isRequest = !hasState || ranges.length > 0;
    if (isRequest && !member.requests.take(1)) return this.#parts.events.onFault(member.sid, "flood");
    // Nobody can have what was not sent.
    if (hasState && next <= this.#publisher.head + 1) member.confirmed = Math.max(member.confirmed ?? 0, next);
    member.hasRoom = status.byteBudget > 0;
    this.#holdBack.changed();
    if (!hasState || (isRequest && next < this.#buffer.floor)) this.#publisher.syncTo([member]);
    if (hasState && isRequest) this.#repairs.asked(member, status);
    this.#publisher.review();
  }

  #add(sid: Sid): Member[] {
    const { clock, events, lanes, policy } = this.#parts;
    if (this.#members.size >= this.#options.maxMembers) {
      events.onFault(sid, "overflow");
      return [];
    }
    const tell = (status: Omit<StatusFrame, "seq">): void => this.#tell(sid, status);
    const place = this.#places.get(sid);
    this.#places.delete(sid);
    const receiver = new Receiver({ clock, events, policy, inbound: this.#inbound, tell }, sid, place?.next);
    const { resendBufferBytes } = this.#options;
    const member: Member = {
      sid,
      receiver,
      isHere: true,
      hereSinceMs: clock.monotonicMs(),
      isOwnAbsence: false,
      isLeaving: false,
      base: place?.base ?? this.#publisher.head,
      confirmed: place?.confirmed,
      askedHead: 0,
      hasRoom: true,
      isCongested: false,
      held: place?.held ?? new HeldTime(),
      requests: new Allowance(clock, 200, 100),
      repairBytes: new Allowance(clock, 2 * resendBufferBytes, resendBufferBytes / 8),
      wanted: undefined,
      missing: { ranges: [], atMs: Number.NEGATIVE_INFINITY },
      served: { from: 0, to: 0, atMs: Number.NEGATIVE_INFINITY },
    };
    this.#members.set(sid, member);
    lanes.peerBack(sid);
    events.onPeerJoined(sid);
    return [member];
  }

  #back(member: Member): void {
    this.#graces.get(member.sid)?.cancel();
    this.#graces.delete(member.sid);
    if (!member.isHere) this.#reached(member);
  }

  #reached(member: Member): void {
    member.isHere = true;
    member.isCongested = false;
    member.hereSinceMs = this.#parts.clock.monotonicMs();
    this.#holdBack.changed();
    member.receiver.back();
    this.#parts.lanes.peerBack(member.sid);
  }

  #away(member: Member, { isOwnAbsence }: { readonly isOwnAbsence: boolean }): void {
    member.isHere = false;
    member.isOwnAbsence = isOwnAbsence;
    member.receiver.away();
    this.#holdBack.changed();
    this.#parts.lanes.peerAway(member.sid);
  }

  #startGrace(sid: Sid): void {
    const grace = new Alarm(this.#parts.clock, () => {
      this.#graces.delete(sid);
      const member = this.#members.get(sid);
      if (member !== undefined) this.#gone(member);
    });
    this.#graces.set(sid, grace);
    grace.set(this.#options.graceMs);
  }

  #gone(member: Member): void {
    const { sid, receiver } = member;
    // Not while the app has no room for what is still to be told: `roomAgain` comes back to it.
    if (!receiver.finish()) return;
    this.#members.delete(sid);
    this.#keepPlace(member);
    this.#holdBack.changed();
    this.#parts.lanes.peerGone(sid, { mayReturn: !member.isLeaving });
    this.#parts.events.onPeerLeft(sid);
    this.#publisher.review();
  }

  /** A session that comes back goes on where it was, in both directions: it may not have noticed that it was gone. */
  #keepPlace({ sid, receiver, base, confirmed, held }: Member): void {
    this.#places.set(sid, { next: receiver.next, base, confirmed, held });
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= MAX_PLACES) return;
      this.#places.delete(oldest);
    }
  }

  #tell(sid: Sid, status: Omit<StatusFrame, "seq">): void {
    if (!this.#isConnected) return;
    const { carrier, nextControlSeq } = this.#parts;
    carrier.toPeers([sid], encodeStatus({ seq: nextControlSeq(), ...status }));
  }

  #tellFault(events: DeliveryEvents, sid: Sid, kind: Parameters<DeliveryEvents["onFault"]>[1]): void {
    if (this.#faults.take(1)) events.onFault(sid, kind);
  }
}
