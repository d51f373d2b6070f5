import { Delivery } from "../../client/delivery/delivery.ts";
import { decodeFrame } from "../../client/delivery/frame.ts";
import { deliveryPolicy } from "../../client/delivery/policy.ts";
import type { Carrier } from "../../client/delivery/ports.ts";
import type { PosternError } from "../../client/errors.ts";
import { checkAll, checkDrops } from "./delivery-checks.ts";
import {
  type Connection,
  type Defect,
  type MemberKind,
  type NetworkOptions,
  networkDefaults,
  noLanes,
  type SimMember,
} from "./delivery-member.ts";
import { DeliveryTruth } from "./delivery-truth.ts";
import { mulberry32 } from "./seeded-random.ts";
import { SimClock } from "./sim-clock.ts";

const HALF_OPEN_MS = 60_000;
const SOCKET_BYTES = 262_144;

/** A relay, its members and the lines between them, on one clock, by one seed. */
export class DeliveryNetwork {
  readonly clock: SimClock;
  readonly truth: DeliveryTruth;
  readonly members: SimMember[] = [];
  readonly random: () => number;
  lossRate: number;
  repairLossRate: number;
  duplicateRate: number;
  readonly #options: Required<Omit<NetworkOptions, "defect">> & { readonly defect: Defect };
  #isRelayUp = true;
  #checks = 0;

  constructor(options: NetworkOptions) {
    this.#options = { ...networkDefaults, ...options };
    const { lossRate, repairLossRate, duplicateRate } = this.#options;
    this.lossRate = lossRate;
    this.repairLossRate = repairLossRate;
    this.duplicateRate = duplicateRate;
    this.random = mulberry32(this.#options.seed);
    this.clock = new SimClock(this.#options.startMs);
    this.truth = new DeliveryTruth({
      ...this.#options,
      graceMs: 8000,
      nowMs: () => this.clock.monotonicMs(),
      isHonest: (sid) => this.members.some((member) => member.sid === sid && member.kind === "good"),
    });
  }

  /** Lets time pass. */
  run(ms: number): void {
    // What was done since the last run is judged by what was known then: the next task may change that.
    checkAll(this.truth, this.members);
    this.clock.runUntil(this.clock.monotonicMs() + ms, () => this.#check());
    checkAll(this.truth, this.members);
  }

  /** A new member, who connects at once. */
  add(kind: MemberKind = "good"): SimMember {
    const sid = `m${this.members.length}`;
    const { defect, heldMsEach, heldMsInAll, resendBufferBytes } = this.#options;
    const { truth } = this;
    const [messages, faults, heldLog]: [[string, Uint8Array][], string[], (readonly string[])[]] = [[], [], []];
    let controlSeq = 0;
    const delivery = new Delivery(
      {
        nextControlSeq: () => (controlSeq += 1),
        clock: this.clock,
        carrier: this.#carrier(sid),
        lanes: noLanes,
        policy: { ...deliveryPolicy, ...defect.policy },
        events: {
          onPeerJoined: (other) => truth.joined(sid, other),
          // A liar may say goodbye and stay: then it is gone at once, without a grace.
          onPeerLeft: (other) => truth.left(sid, other, { hasGrace: !this.#isLiar(other) }),
          onMessage: (other, payload) => {
            // Who lies about what it has is owed nothing.
            if (!this.#isLiar(other) && !this.#isLiar(sid)) truth.message(sid, other, payload);
            messages.push([other, payload]);
          },
          onLost: (other, count) => {
            if (this.#isLiar(other) || this.#isLiar(sid)) return;
            if (defect.isLossLate === true) this.clock.after(0, () => truth.lost(sid, other, count));
            else truth.lost(sid, other, count);
          },
          onHeld: (sids) => {
            truth.held(sid, sids);
            heldLog.push(sids);
          },
          onFault: (other, fault) => faults.push(`${other} ${fault}`),
          hasRoom: () => this.member(sid).hasRoom,
        },
      },
      {
        resendBufferBytes,
        maxPayloadBytes: 1_000_000,
        graceMs: defect.graceMs ?? 8000,
        heldMsEach: defect.heldMs ?? heldMsEach,
        heldMsInAll: defect.heldMs ?? heldMsInAll,
      },
    );
    const member: SimMember = {
      sid,
      kind,
      delivery,
      messages,
      faults,
      heldLog,
      connection: undefined,
      isJoined: false,
      hasRoom: kind !== "unread",
      callCount: 0,
    };
    this.members.push(member);
    this.connect(member);
    return member;
  }

  member(sid: string): SimMember {
    const member = this.members.find((other) => other.sid === sid);
    if (member === undefined) throw new Error(`no ${sid}`);
    return member;
  }

  /** Sends a message of so many bytes, at least five. */
  broadcast(
    member: SimMember,
    sizeBytes: number,
    options: { wait?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const payload = new Uint8Array(Math.max(5, sizeBytes)).fill(member.callCount);
    new DataView(payload.buffer).setUint32(0, member.callCount);
    payload[4] = this.members.indexOf(member);
    member.callCount += 1;
    const before = member.delivery.figures;
    const done = member.delivery.broadcast(payload, options);
    const { head, waitingBytes } = member.delivery.figures;
    if (head === before.head && waitingBytes === before.waitingBytes) this.#options.defect.onRejected?.();
    return done;
  }

  /** Dials: at once where the relay is up, else again and again. */
  connect(member: SimMember): void {
    if (member.isJoined) return;
    if (!this.#isRelayUp) return this.#after(100 + 400 * this.random(), () => this.connect(member));
    const { latencyMs, defect } = this.#options;
    const old = member.connection;
    if (old?.isAttached === true) {
      // Half open: a new name takes its place at once, a stable one waits until the relay has noticed.
      if (defect.isNameStable === true) return this.#after(1000, () => this.connect(member));
      this.#detach(member, old);
    }
    const nowMs = this.clock.monotonicMs();
    const connection: Connection = {
      isUp: true,
      isAttached: true,
      arrivals: new Map(),
      barrierMs: nowMs + latencyMs,
      upstreamMs: 0,
      sendsUntilMs: 0,
    };
    const present = this.#attached().map(({ sid }) => sid);
    this.#announce(member, true);
    member.connection = connection;
    this.#after(latencyMs, () => {
      if (!connection.isUp || member.connection !== connection) return;
      member.isJoined = true;
      this.truth.connected(member.sid);
      for (const { sid } of this.members) {
        if (sid !== member.sid) this.truth.sees(member.sid, sid, present.includes(sid), true);
      }
      member.delivery.joined(present);
    });
  }

  /** The line is dead: the member notices after a while, dials after another; the relay notices by itself, or at the return. */
  cut(member: SimMember, times: { noticeMs: number; dialMs: number; relayNoticeMs?: number }): void {
    const { connection } = member;
    if (connection?.isUp !== true) return;
    connection.isUp = false;
    this.#after(times.noticeMs, () => this.#disconnected(member, connection));
    this.#after(times.noticeMs + times.dialMs, () => {
      if (member.connection === connection) this.connect(member);
    });
    this.#after(times.relayNoticeMs ?? HALF_OPEN_MS, () => this.#detach(member, connection));
  }

  #isLiar(sid: string): boolean {
    return this.member(sid).kind === "liar";
  }

  /** Leaves for good: nothing more comes of it. */
  leave(member: SimMember): void {
    const { connection } = member;
    if (connection === undefined) return;
    this.#after(2 * this.#options.latencyMs, () => {
      connection.isUp = false;
      this.#disconnected(member, connection);
      this.#detach(member, connection);
    });
  }

  /** The relay is gone with all that was on its way, and comes back empty. */
  kill(downMs: number): void {
    this.#isRelayUp = false;
    for (const member of this.members) {
      const { connection } = member;
      if (connection === undefined) continue;
      const wasUp = connection.isUp;
      connection.isUp = false;
      connection.isAttached = false;
      this.#after(this.random() * 200, () => this.#disconnected(member, connection));
      if (wasUp) {
        this.#after(200 + downMs + 1500 * this.random(), () => {
          if (member.connection === connection) this.connect(member);
        });
      }
    }
    this.#after(downMs, () => {
      this.#isRelayUp = true;
    });
  }

  /** A member's frame, as it is, to all or to some: what a liar sends. */
  inject(member: SimMember, frame: Uint8Array, to?: readonly string[]): void {
    this.#transmit(member, frame, to);
  }

  congest(member: SimMember, ms: number): void {
    member.delivery.congestion({ isCongested: true });
    this.#after(ms, () => member.delivery.congestion({ isCongested: false }));
  }

  #after(delayMs: number, task: () => void): void {
    this.clock.after(delayMs, task);
  }

  #attached(): SimMember[] {
    return this.members.filter(({ connection }) => connection?.isAttached === true);
  }

  #disconnected(member: SimMember, connection: Connection): void {
    if (member.connection !== connection || !member.isJoined) return;
    member.isJoined = false;
    this.truth.disconnected(member.sid);
    for (const { sid } of this.members) if (sid !== member.sid) this.truth.sees(member.sid, sid, false, true);
    member.delivery.disconnected();
  }

  #detach(member: SimMember, connection: Connection): void {
    if (!connection.isAttached || member.connection !== connection) return;
    connection.isAttached = false;
    this.#announce(member, false);
  }

  #announce(member: SimMember, isHere: boolean): void {
    for (const other of this.#attached()) {
      if (other === member) continue;
      this.#deliver(other, member.sid, 0, () => {
        if (!other.isJoined) return;
        this.truth.sees(other.sid, member.sid, isHere);
        if (isHere) other.delivery.peerJoined(member.sid);
        else other.delivery.peerLeft(member.sid);
      });
    }
  }

  /** In order for each pair; calls the task unless the line is dead by then. */
  #deliver(member: SimMember, from: string, sizeBytes: number, task: () => void, onEnd?: () => void): void {
    const { connection } = member;
    if (connection === undefined) return;
    const { latencyMs, jitterMs, bytesPerMs } = this.#options;
    const nowMs = this.clock.monotonicMs();
    const earliestMs = Math.max(nowMs + latencyMs, connection.barrierMs, connection.arrivals.get(from) ?? 0);
    const atMs = earliestMs + (jitterMs > 0 ? this.random() * Math.min(jitterMs, 2) : 0) + sizeBytes / bytesPerMs;
    connection.arrivals.set(from, atMs);
    this.#after(atMs - nowMs, () => {
      onEnd?.();
      if (connection.isUp && member.connection === connection) task();
    });
  }

  #carrier(sid: string): Carrier {
    const isWritable = (): boolean => {
      const { connection, isJoined } = this.member(sid);
      if (!isJoined || connection === undefined) return false;
      return (connection.sendsUntilMs - this.clock.monotonicMs()) * this.#options.bytesPerMs < SOCKET_BYTES;
    };
    return {
      get isWritable() {
        return isWritable();
      },
      hasLists: this.#options.hasLists,
      toAll: (frame) => this.#send(this.member(sid), frame, undefined),
      toPeers: (to, frame) => this.#send(this.member(sid), frame, to),
    };
  }

  #send(member: SimMember, original: Uint8Array, to: readonly string[] | undefined): void {
    const { defect } = this.#options;
    const frame = defect.sends?.(original) ?? original.slice();
    if (!member.isJoined) throw new Error("sent while it is not joined");
    const here = this.members.filter(({ sid }) => this.truth.pair(member.sid, sid).unseenSinceMs === undefined);
    this.truth.sent(
      member.sid,
      frame,
      to,
      here.map(({ sid }) => sid),
    );
    if (member.kind === "mute" && frame[0] === 3) return;
    const delayMs = defect.sendDelayMs?.(frame, this.random) ?? 0;
    if (delayMs === 0) this.#transmit(member, frame, to);
    else this.#after(delayMs, () => this.#transmit(member, frame, to));
  }

  #transmit(member: SimMember, frame: Uint8Array, to: readonly string[] | undefined): void {
    const { connection } = member;
    const isRepair = frame[0] === 1 && frame[1] === 1;
    const nowMs = this.clock.monotonicMs();
    const ends = (): void => {
      if (isRepair) for (const sid of to ?? []) this.truth.repairEnded(sid, member.sid, frame.byteLength);
    };
    if (connection?.isUp !== true) return ends();
    const wasWritable = (connection.sendsUntilMs - nowMs) * this.#options.bytesPerMs < SOCKET_BYTES;
    connection.sendsUntilMs = Math.max(connection.sendsUntilMs, nowMs) + frame.byteLength / this.#options.bytesPerMs;
    if (wasWritable) this.#awaitRoom(member, connection);
    const atMs = Math.max(connection.sendsUntilMs + this.#options.latencyMs, connection.upstreamMs);
    connection.upstreamMs = atMs;
    this.#after(atMs - nowMs, () => {
      if (!connection.isUp || !connection.isAttached) return ends();
      this.#route(member, frame, to, isRepair);
    });
  }

  #awaitRoom(member: SimMember, connection: Connection): void {
    const fullMs = connection.sendsUntilMs - this.clock.monotonicMs() - SOCKET_BYTES / this.#options.bytesPerMs;
    if (fullMs < 0) return;
    this.#after(fullMs + 1, () => {
      if (member.connection !== connection || !member.isJoined) return;
      this.#awaitRoom(member, connection);
      member.delivery.writable();
    });
  }

  #route(member: SimMember, frame: Uint8Array, to: readonly string[] | undefined, isRepair: boolean): void {
    const receivers = this.#attached().filter((other) => other !== member && (to?.includes(other.sid) ?? true));
    if (receivers.length < (to?.length ?? 0) && isRepair) {
      for (const sid of to ?? []) {
        if (!receivers.some((other) => other.sid === sid)) this.truth.repairEnded(sid, member.sid, frame.byteLength);
      }
    }
    for (const other of receivers) {
      const end = (): void => {
        if (isRepair && to !== undefined) this.truth.repairEnded(other.sid, member.sid, frame.byteLength);
      };
      const lossRate = isRepair ? Math.max(this.repairLossRate, this.lossRate) : this.lossRate;
      const isLost = this.random() < lossRate;
      const times = this.random() < this.duplicateRate ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        this.#deliver(
          other,
          member.sid,
          frame.byteLength,
          () => {
            if (!isLost && other.isJoined) this.#hear(other, member, frame, to !== undefined);
          },
          time === 0 ? end : undefined,
        );
      }
    }
  }

  #hear(member: SimMember, from: SimMember, original: Uint8Array, wasAddressed: boolean): void {
    const { defect } = this.#options;
    const decoded = decodeFrame(original);
    if (decoded.type === "sync" && wasAddressed) this.truth.synced(member.sid, from.sid, decoded);
    if (decoded.type === "status" && wasAddressed && from.kind !== "liar") {
      this.truth.confirmed(member.sid, from.sid, decoded);
    }
    const heard = defect.hears?.(original, wasAddressed, member) ?? {
      frame: original.slice(),
      isAddressed: wasAddressed,
    };
    member.delivery.received(from.sid, heard.frame, { isAddressed: heard.isAddressed });
  }

  #check(): void {
    // All at each step costs too much. What is dropped is looked at each time.
    this.#checks = (this.#checks + 1) % Math.max(16, this.members.length ** 2 / 8);
    if (this.#checks < 1) checkAll(this.truth, this.members);
    else checkDrops(this.truth, this.members);
  }

  /** Ends all and everything. */
  close(error: PosternError): void {
    for (const { delivery } of this.members) delivery.close(error);
  }
}
