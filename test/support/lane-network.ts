import { DirectLanes } from "../../client/delivery/direct-lanes.ts";
import { decodeFrame } from "../../client/delivery/frame.ts";
import type { Sid } from "../../client/delivery/ports.ts";
import { DeliveryError } from "../../client/errors.ts";
import { FakeClock } from "./fake-clock.ts";

const LATENCY_MS = 10;
const GRACE_MS = 8000;

/** What an end has seen of another: a message by its bytes, or so many lost. */
type Seen = Uint8Array | number;
type Call = { readonly payload: Uint8Array; state: "waits" | "taken" | "rejected"; isGivenUp: boolean };

/** One end: its lanes, and what its app does with them. */
export class LaneEnd {
  readonly lanes: DirectLanes;
  readonly faults: string[] = [];
  readonly seen: Map<Sid, Seen[]> = new Map();
  hasRoom = true;
  isUp = false;
  isWritable = true;
  /** Counts connections: what was sent on another than the present one is lost. */
  connection = 0;
  /** What becomes of a message; left as it is: it is noted. */
  onDirect: (from: Sid, payload: Uint8Array) => void = (from, payload) => this.#see(from, payload);
  readonly sid: Sid;
  readonly #network: LaneNetwork;
  readonly #calls = new Map<Sid, Call[]>();

  constructor(sid: Sid, network: LaneNetwork) {
    this.sid = sid;
    this.#network = network;
    let controlSeq = 0;
    const isWritable = () => this.isUp && this.isWritable;
    this.lanes = new DirectLanes({
      clock: network.clock,
      carrier: {
        get isWritable() {
          return isWritable();
        },
        toPeers: (sids, frame) => {
          for (const to of sids) network.carry(this, to, frame);
        },
      },
      nextControlSeq: () => (controlSeq += 1),
      events: {
        onDirect: (from, payload) => {
          if (!this.hasRoom) network.broken.push("a message was delivered where there is no room");
          if (network.isDelivered(payload)) this.onDirect(from, payload.slice());
        },
        onLost: (from, count) => this.#see(from, count),
        onFault: (from, kind) => this.faults.push(`${from}: ${kind}`),
        hasRoom: () => this.hasRoom,
      },
    });
  }

  /** Sends, and notes what becomes of it. */
  send(to: Sid, payload: Uint8Array): void {
    const call: Call = { payload, state: "waits", isGivenUp: false };
    this.#calls.set(to, [...(this.#calls.get(to) ?? []), call]);
    void this.#follow(call, this.lanes.send(to, payload));
  }

  /** A peer has gone for good: nothing that was sent to it is kept. */
  gone(sid: Sid): void {
    for (const call of this.#calls.get(sid) ?? []) call.isGivenUp = true;
    this.lanes.peerGone(sid);
  }

  read(hasRoom: boolean): void {
    this.hasRoom = hasRoom;
    if (hasRoom) this.lanes.roomAgain();
  }

  /** What is wrong with what `from` has sent to this end. At the end all of it has to be here. */
  faultsOf(from: LaneEnd, when: "now" | "at the end"): string[] {
    const calls = from.#calls.get(this.sid) ?? [];
    const taken = calls.filter(({ state }) => state === "taken");
    let index = 0;
    for (const seen of this.seen.get(from.sid) ?? []) {
      const expected = taken[index];
      if (typeof seen === "number") index += seen;
      else if (expected === undefined || Buffer.compare(seen, expected.payload) !== 0)
        return [`another message than ${index}`];
      else index += 1;
    }
    const missing = taken.slice(index);
    const kept = missing.filter(({ isGivenUp }) => !isGivenUp).map(({ payload }) => payload.byteLength);
    const bytes = kept.reduce((sum, each) => sum + each, 0);
    if (index > taken.length) return [`${index - taken.length} too many lost`];
    if (bytes > 1024 * 1024 + Math.max(0, ...kept)) return [`${bytes} bytes are kept`];
    if (when === "now") return [];
    if (calls.some(({ state }) => state === "waits")) return ["a message waits for ever"];
    return missing.length === 0 ? [] : [`${missing.length} of ${taken.length} are missing`];
  }

  async #follow(call: Call, sending: Promise<void>): Promise<void> {
    try {
      await sending;
      call.state = "taken";
    } catch (error) {
      if (!(error instanceof DeliveryError)) this.#network.broken.push("an error without a code");
      call.state = "rejected";
    }
  }

  #see(from: Sid, seen: Seen): void {
    this.seen.set(from, [...(this.seen.get(from) ?? []), seen]);
  }
}

/**
 * Ends over a relay: what is sent on a connection arrives in order after 10 ms, unless one of both ends has been cut meanwhile;
 * and single frames can be lost. Who is away for longer than the grace has gone.
 */
export class LaneNetwork {
  readonly clock: FakeClock = new FakeClock();
  readonly broken: string[] = [];
  readonly ends: readonly LaneEnd[];
  /** So many frames are lost that are sent next. */
  lose = 0;
  /** So many of those after them arrive twice. */
  double = 0;
  frameCount = 0;
  /** Whether a message goes to the app: a wrong layer would say no. */
  isDelivered: (payload: Uint8Array) => boolean = () => true;
  readonly #gone = new Map<string, { cancel(): void }>();
  /** Chunks by sender, receiver, stream and number: one number has one plaintext. */
  readonly #chunks = new Map<string, Buffer>();

  constructor(sids: readonly Sid[]) {
    this.ends = sids.map((sid) => new LaneEnd(sid, this));
    for (const end of this.ends) this.#connect(end);
  }

  end(index: number): LaneEnd {
    const end = this.ends[index % this.ends.length];
    if (end === undefined) throw new Error("no end");
    return end;
  }

  carry(from: LaneEnd, toSid: Sid, frame: Uint8Array): void {
    const to = this.ends.find(({ sid }) => sid === toSid);
    this.frameCount += 1;
    this.#check(from, toSid, frame);
    if (!from.isUp || to?.isUp !== true) return;
    if (this.lose > 0) {
      this.lose -= 1;
      return;
    }
    this.#deliver(from, to, frame);
    if (this.double === 0) return;
    this.double -= 1;
    this.#deliver(from, to, frame);
  }

  #deliver(from: LaneEnd, to: LaneEnd, frame: Uint8Array): void {
    const connections = [from.connection, to.connection];
    this.clock.after(LATENCY_MS, () => {
      if (from.connection !== connections[0] || to.connection !== connections[1]) return;
      const decoded = decodeFrame(frame.slice());
      if (decoded.type !== "chunk" && decoded.type !== "acknowledgement") this.broken.push("a frame that is none");
      else to.lanes.received(from.sid, decoded);
    });
  }

  /** Cuts the connection of an end; it comes back after so long. */
  cut(end: LaneEnd, downMs: number): void {
    if (!end.isUp) return;
    end.isUp = false;
    end.connection += 1;
    for (const other of this.ends) {
      if (other === end || !other.isUp) continue;
      end.lanes.peerAway(other.sid);
      other.lanes.peerAway(end.sid);
      this.#startGrace(other, end);
    }
    for (const other of this.ends) this.#stopGrace(end, other);
    this.clock.after(downMs, () => this.#connect(end));
  }

  #connect(end: LaneEnd): void {
    end.isUp = true;
    end.connection += 1;
    for (const other of this.ends) {
      if (other === end) continue;
      if (!other.isUp) {
        // It may never come: the grace counts from the own rejoin.
        this.#startGrace(end, other);
        continue;
      }
      this.#stopGrace(other, end);
      end.lanes.peerBack(other.sid);
      other.lanes.peerBack(end.sid);
    }
    end.lanes.writable();
  }

  #startGrace(at: LaneEnd, of: LaneEnd): void {
    this.#stopGrace(at, of);
    this.#gone.set(
      `${at.sid} ${of.sid}`,
      this.clock.after(GRACE_MS, () => at.gone(of.sid)),
    );
  }

  #stopGrace(at: LaneEnd, of: LaneEnd): void {
    this.#gone.get(`${at.sid} ${of.sid}`)?.cancel();
  }

  #check(from: LaneEnd, toSid: Sid, frame: Uint8Array): void {
    const decoded = decodeFrame(frame);
    if (decoded.type !== "chunk") return;
    const key = `${from.sid} ${toSid} ${decoded.stream} ${decoded.seq}`;
    const before = this.#chunks.get(key);
    if (before !== undefined && Buffer.compare(before, frame) !== 0) this.broken.push("one number for two messages");
    this.#chunks.set(key, Buffer.from(frame));
  }
}
