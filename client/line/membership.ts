import { MAX_ADDRESSEES } from "../../protocol/limits.ts";
import { type BinaryRelayData, encodeBinaryClientData } from "../../protocol/v1-binary.ts";
import type { Clock, Timer } from "../clock.ts";
import { type PosternError, type PosternErrorCode, TopicError } from "../errors.ts";
import type { BackOff } from "./back-off.ts";
import type { Connection, TopicHandler, TopicMessage, TopicQuestion } from "./connection.ts";
import type { LastWord } from "./ending.ts";
import type { LineMember, TopicLine, TopicLineEvents, TopicLineOptions } from "./topic-line.ts";

/** So many members are kept, and asked for in so many pages: a relay that goes on is none. */
const MAX_MEMBERS = 100_000;
const MAX_PAGES = 1500;
/** What comes while the pages are read waits so far; the rest is dropped, as if the line had lost it. */
const MAX_EARLY_BYTES = 4_194_304;
/** Each message in that costs memory of its own. */
const EARLY_MESSAGE_BYTES = 256;
/** A relay may take 40 s for a join, while it asks the owner of a name. */
const ANSWER_MS = 60_000;
const LEAVE_MS = 2000;

/** Why a topic cannot be joined, whatever is tried; other codes are a `refused` with the relay's word as the cause. */
const finalCodes: readonly PosternErrorCode[] = [
  "not-permitted",
  "unauthorized",
  "topic-full",
  "too-many-topics",
  "topic-invalid",
];

type Data = Parameters<TopicLineEvents["onData"]>[0];
type Joined = Extract<TopicMessage, { type: "joined" }>;

/** What a membership needs of its line. */
export type MembershipParts = {
  readonly clock: Clock;
  readonly backOff: BackOff;
  /** What this relay can, as its last `joined` said. */
  readonly can: (feature: string) => boolean;
  readonly maxPayloadBytes: () => number;
  /** Gets another token and presents it. @returns whether there may be another one. */
  readonly renewToken: (onPresented: () => void) => boolean;
  /** It has ended, or is being left. */
  readonly onOver: () => void;
};

/** One topic, over all connections until it is left. */
export class Membership implements TopicLine, TopicHandler {
  readonly #parts: MembershipParts;
  readonly #topic: string;
  readonly #options: TopicLineOptions;
  readonly #events: TopicLineEvents;
  #connection: Connection | undefined;
  /** `joining`: it has asked; `paging`: it is a member, and learns the others; `leaving` or ended: `over`. */
  #stage: "down" | "joining" | "paging" | "joined" | "over" = "down";
  #self: LineMember = { peerId: "", peerHandle: 0 };
  #topicHandle = 0;
  #takeover: string | undefined;
  readonly #members = new Map<number, LineMember>();
  #pageCount = 0;
  #after = 0;
  #early: Data[] = [];
  #earlyBytes = 0;
  #timer: Timer | undefined;
  #hasJoined = false;
  #hasRenewed = false;
  #takenCount = 0;
  #onLeft: (() => void) | undefined;

  constructor(parts: MembershipParts, topic: string, options: TopicLineOptions, events: TopicLineEvents) {
    this.#parts = parts;
    this.#topic = topic;
    this.#options = options;
    this.#events = events;
  }

  get isWritable(): boolean {
    return this.#stage === "joined" && this.#connection?.isWritable === true;
  }

  sendToAll(payload: Uint8Array): void {
    this.#send(undefined, payload);
  }

  sendTo(peerHandles: readonly number[], payload: Uint8Array): void {
    const size = this.#parts.can("lists") ? MAX_ADDRESSEES : 1;
    for (let at = 0; at < peerHandles.length; at += size) {
      const to = peerHandles.slice(at, at + size);
      this.#send(to.length === 1 ? to[0] : to, payload);
    }
  }

  expectTraffic(): void {
    this.#connection?.liveness.expect();
  }

  async leave(): Promise<void> {
    const connection = this.#connection;
    const isAsked = connection !== undefined && this.#stage !== "over" && this.#stage !== "down";
    this.#over();
    if (!isAsked) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLeft = resolve;
    this.#timer = this.#parts.clock.after(LEAVE_MS, resolve);
    connection.ask(this, { type: "leave", topic: this.#topic });
    await promise;
    this.#timer.cancel();
  }

  /** A connection is open. */
  up(connection: Connection): void {
    this.#connection = connection;
    this.#join();
  }

  /** The connection is gone, or about to be closed by this client. */
  down(): void {
    const wasJoined = this.#stage === "joined";
    this.#connection = undefined;
    this.#timer?.cancel();
    this.#onLeft?.();
    if (this.#stage === "over") return;
    this.#stage = "down";
    if (wasJoined) this.#events.onDown();
  }

  /** It is over for good, and the app is told why. */
  end(error: PosternError): void {
    if (this.#stage === "over") return;
    this.#over();
    this.#events.onEnded(error);
  }

  /** It is over, and nobody is told. */
  stop(): void {
    this.#over();
  }

  receive(message: TopicMessage, isAnswer: boolean): boolean {
    if (this.#stage === "over") return this.#receiveAfterLeaving(message);
    if (message.type === "joined") return isAnswer && this.#stage === "joining" && this.#joined(message);
    // What comes before the answer to the join is of an earlier membership, which is being left.
    if (this.#stage === "joining") return true;
    switch (message.type) {
      case "members":
        return isAnswer && this.#stage === "paging" && this.#addPage(message.members, message.more);
      case "peer-joined":
        return this.#peerJoined({ peerId: message.peerId, peerHandle: message.peerHandle });
      case "peer-left":
        return this.#peerLeft({ peerId: message.peerId, peerHandle: message.peerHandle });
      case "data": {
        const { peerHandle, data, to } = message;
        return this.#data({ peerHandle, payload: data, isAddressed: to !== undefined }, data.length);
      }
      case "congested":
      case "relieved":
        if (this.#stage === "joined") {
          this.#events.onCongestion({ to: message.to, isCongested: message.type === "congested" });
        }
        return true;
      default:
        return true;
    }
  }

  receiveData({ peerHandle, payload, isAddressed }: BinaryRelayData): boolean {
    if (this.#stage === "over") return true;
    return this.#data({ peerHandle, payload, isAddressed }, payload.length);
  }

  refused(error: LastWord, question: TopicQuestion["type"]): void {
    // Before a close in a planned stop: it goes on with the next connection.
    if (question === "leave" || this.#stage === "over") this.#onLeft?.();
    else if (error.code === "restarting" || error.requestId !== undefined) return;
    else if (question === "members")
      this.#connection?.abandon("protocol-error", `a page of members is refused: ${error.code}`);
    else if (this.#stage === "joining") this.#joinRefused(error);
  }

  omitted(peerHandle: number, count: number, sizeBytes: number): void {
    if (this.#stage === "joined") this.#events.onOmitted({ peerHandle, count, sizeBytes });
  }

  writable(): void {
    if (this.isWritable) this.#events.onWritable();
  }

  #send(to: number | readonly number[] | undefined, payload: Uint8Array): void {
    if (this.#stage !== "joined") return;
    this.#connection?.sendData(encodeBinaryClientData({ topicHandle: this.#topicHandle, to, payload }));
  }

  #join(): void {
    this.#stage = "joining";
    this.#members.clear();
    this.#early = [];
    this.#earlyBytes = this.#pageCount = this.#after = 0;
    const { peerId } = this.#options;
    this.#ask({ type: "join", topic: this.#topic, peerId: peerId(), encoding: "binary", takeover: this.#takeover });
  }

  #ask(question: TopicQuestion): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(ANSWER_MS, () =>
      this.#connection?.abandon("protocol-error", `no answer to ${question.type} in ${ANSWER_MS} ms`),
    );
    this.#connection?.ask(this, question);
  }

  #joined({ peerId, peerHandle, topicHandle, takeover, members, more = false }: Joined): boolean {
    if (this.#connection?.bind(topicHandle, this) !== true) return false;
    this.#stage = "paging";
    this.#self = { peerId, peerHandle };
    this.#topicHandle = topicHandle;
    this.#takeover = takeover;
    return this.#addPage(members, more);
  }

  #addPage(page: readonly LineMember[], more: boolean): boolean {
    for (const { peerId, peerHandle } of page) {
      if (peerHandle === this.#self.peerHandle) return this.#senseless("the own handle is another member's");
      this.#members.set(peerHandle, { peerId, peerHandle });
    }
    if (!more) {
      this.#complete();
      return true;
    }
    const last = page.at(-1)?.peerHandle ?? 0;
    this.#pageCount += 1;
    if (last <= this.#after || this.#pageCount > MAX_PAGES || this.#members.size > MAX_MEMBERS) {
      return this.#senseless("its pages of members have no end");
    }
    this.#after = last;
    this.#ask({ type: "members", topic: this.#topic, after: last });
    return true;
  }

  #complete(): void {
    this.#timer?.cancel();
    this.#stage = "joined";
    this.#hasJoined = true;
    this.#hasRenewed = false;
    this.#takenCount = 0;
    this.#parts.backOff.reset();
    const early = this.#early;
    this.#early = [];
    this.#events.onJoined({
      self: this.#self,
      members: [...this.#members.values()],
      maxPayloadBytes: this.#parts.maxPayloadBytes(),
    });
    // Its listener may have left.
    for (const data of early) if (this.#members.has(data.peerHandle)) this.#deliver(data);
    this.writable();
  }

  #peerJoined(member: LineMember): boolean {
    const { peerHandle } = member;
    if (peerHandle === this.#self.peerHandle || this.#members.size >= MAX_MEMBERS) return false;
    const known = this.#members.get(peerHandle);
    // In a page and by an event: who came meanwhile.
    if (known !== undefined) return known.peerId === member.peerId;
    this.#members.set(peerHandle, member);
    if (this.#stage === "joined") this.#events.onPeerJoined(member);
    return true;
  }

  #peerLeft(member: LineMember): boolean {
    if (member.peerHandle === this.#self.peerHandle) {
      // A renewed token does not allow it any more.
      this.#connection?.release(this.#topic, this.#topicHandle, this);
      this.end(new TopicError("not-permitted"));
      return true;
    }
    const known = this.#members.get(member.peerHandle);
    this.#members.delete(member.peerHandle);
    if (known !== undefined && this.#stage === "joined") this.#events.onPeerLeft(known);
    return true;
  }

  #data(data: Data, byteCount: number): boolean {
    if (this.#stage === "joined") {
      const isMember = this.#members.has(data.peerHandle);
      if (isMember) this.#deliver(data);
      return isMember;
    }
    this.#earlyBytes += byteCount + EARLY_MESSAGE_BYTES;
    if (this.#stage === "paging" && this.#earlyBytes <= MAX_EARLY_BYTES) this.#early.push(data);
    return true;
  }

  #deliver(data: Data): void {
    if (this.#stage === "joined") this.#events.onData(data);
  }

  #receiveAfterLeaving(message: TopicMessage): boolean {
    if (message.type === "peer-left" && message.peerHandle === this.#self.peerHandle) {
      this.#connection?.release(this.#topic, this.#topicHandle, this);
      this.#onLeft?.();
    } else if (message.type === "joined") {
      // The answer to a join that was left again: the leave is on its way.
      this.#self = message;
      this.#topicHandle = message.topicHandle;
      this.#connection?.bind(message.topicHandle, this);
    }
    return true;
  }

  #joinRefused({ code, payload }: LastWord): void {
    const final = finalCodes.find((known) => known === code);
    if (code === "peer-id-taken") {
      this.#takenCount += 1;
      if (this.#takenCount === 1) this.#join();
      else this.#joinLater();
    } else if (code === "topic-full" && this.#hasJoined) this.#joinLater();
    else if (code === "not-permitted" && !this.#hasRenewed && this.#renew()) this.#hasRenewed = true;
    else if (final !== undefined) this.end(new TopicError(final));
    else this.end(new TopicError("refused", { cause: `${code}: ${payload}` }));
  }

  /** With a token that may be another one; until then it waits. */
  #renew(): boolean {
    this.#timer?.cancel();
    const connection = this.#connection;
    return this.#parts.renewToken(() => {
      if (this.#connection === connection && this.#stage === "joining") this.#join();
    });
  }

  #joinLater(): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(this.#parts.backOff.nextMs(), () => this.#join());
  }

  #senseless(cause: string): true {
    this.#connection?.abandon("protocol-error", cause);
    return true;
  }

  #over(): void {
    this.#timer?.cancel();
    this.#stage = "over";
    this.#members.clear();
    this.#early = [];
    this.#parts.onOver();
  }
}
