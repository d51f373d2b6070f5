import { MAX_ADDRESSEES } from "../../protocol/limits.ts";
import { type BinaryRelayData, encodeClientDataHeader } from "../../protocol/v1-binary.ts";
import type { Clock, Timer } from "../clock.ts";
import { type PosternError, TopicError } from "../errors.ts";
import type { BackOff } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import { finalTopicCode, type LastWord } from "./ending.ts";
import { headed } from "./headed.ts";
import type { TopicHandler, TopicMessage, TopicQuestion } from "./topic-handler.ts";
import type { LineMember, TopicLine, TopicLineEvents, TopicLineOptions } from "./topic-line.ts";

/** So many members are kept, and asked for in so many pages: a relay that goes on is none. */
const MAX_MEMBERS = 100_000;
const MAX_PAGES = 8000;
/** What comes while the pages are read waits so far; the rest is dropped. */
const MAX_EARLY_BYTES = 4_194_304;
/** Each message in that costs memory of its own. */
const EARLY_MESSAGE_BYTES = 256;
/** A relay may ask the owner of a name for 40 s. */
const ANSWER_MS = 60_000;
const LEAVE_MS = 2000;

type Data = Parameters<TopicLineEvents["onData"]>[0];
type Joined = Extract<TopicMessage, { type: "joined" }>;

/** What a membership needs of its line. */
export interface MembershipLine {
  readonly maxPayloadBytes: number;
  /** What this relay can, as its last `joined` said. */
  can(feature: string): boolean;
  /** It has ended, or is being left. */
  onOver(topic: string, membership: Membership): void;
}

/** What a membership is made of. */
export type MembershipParts = { readonly clock: Clock; readonly backOff: BackOff; readonly line: MembershipLine };

/** @property takeover of the membership on another connection, in whose place this one comes. */
type MembershipOptions = TopicLineOptions & { readonly takeover?: string | undefined };

/** One topic, over one connection after the other until it is left. */
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
  /** What is to be shown as soon as it can be said. */
  #unsaid: string | undefined;
  #timer: Timer | undefined;
  #hasJoined = false;
  #hasRenewed = false;
  #takenCount = 0;
  #onLeft: (() => void) | undefined;

  constructor(parts: MembershipParts, topic: string, options: MembershipOptions, events: TopicLineEvents) {
    this.#parts = parts;
    this.#topic = topic;
    this.#options = options;
    this.#takeover = options.takeover;
    this.#events = events;
  }

  get isJoined(): boolean {
    return this.#stage === "joined";
  }

  /** What proves to the relay that who joins elsewhere is this client; undefined: it has told none. */
  get takeover(): string | undefined {
    return this.#takeover;
  }

  get isWritable(): boolean {
    return this.#stage === "joined" && this.#connection?.isWritable === true;
  }

  get hasLists(): boolean {
    return this.#parts.line.can("lists");
  }

  sendToAll(payload: Uint8Array, roomBytes?: number): void {
    this.#send(undefined, payload, roomBytes);
  }

  sendTo(peerHandles: readonly number[], payload: Uint8Array, roomBytes?: number): void {
    const size = this.hasLists ? MAX_ADDRESSEES : 1;
    for (let at = 0; at < peerHandles.length; at += size) {
      const to = peerHandles.slice(at, at + size);
      // What goes several times is copied, but for the last time.
      const isLast = at + size >= peerHandles.length;
      this.#send(to.length === 1 ? to[0] : to, payload, isLast ? roomBytes : undefined);
    }
  }

  setPresence(presence: string): void {
    // One that has not asked yet says it in its join.
    if (this.#stage === "down" || this.#stage === "over") return;
    this.#unsaid = presence;
    this.#sayPresence();
  }

  expectTraffic(): void {
    this.#connection?.liveness.expect();
  }

  async leave(): Promise<void> {
    const connection = this.#connection;
    const isAsked = connection !== undefined && this.#stage !== "over" && this.#stage !== "down";
    this.stop();
    if (!isAsked) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLeft = resolve;
    this.#setTimer(LEAVE_MS, resolve);
    connection.ask(this, { type: "leave", topic: this.#topic });
    await promise;
    this.#timer?.cancel();
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
    this.stop();
    this.#events.onEnded(error);
  }

  /** It is over, and nobody is told. */
  stop(): void {
    this.#timer?.cancel();
    this.#stage = "over";
    this.#members.clear();
    this.#early = [];
    this.#parts.line.onOver(this.#topic, this);
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
        return this.#peerJoined(memberOf(message));
      case "peer-left":
        return this.#peerLeft(message);
      case "presence":
        return this.#shows(message);
      case "data": {
        const { peerHandle, data, to } = message;
        return this.#data({ peerHandle, payload: data, isAddressed: to !== undefined });
      }
      case "congested":
      case "relieved": {
        const isCongested = message.type === "congested";
        if (this.#stage === "joined") this.#events.onCongestion({ to: message.to, isCongested });
        return true;
      }
      default:
        return true;
    }
  }

  receiveData({ peerHandle, payload, isAddressed }: BinaryRelayData): boolean {
    return this.#stage === "over" || this.#data({ peerHandle, payload, isAddressed });
  }

  refused(error: LastWord, question: TopicQuestion["type"]): void {
    // Before a close in a planned stop: it goes on with the next connection.
    if (question === "leave" || this.#stage === "over") this.#onLeft?.();
    else if (error.code === "restarting" || error.requestId !== undefined) return;
    else if (question === "members") this.#senseless(`members: ${error.code}`);
    else if (this.#stage === "joining") this.#joinRefused(error);
  }

  omitted(peerHandle: number, count: number, sizeBytes: number): void {
    if (this.#stage === "joined") this.#events.onOmitted({ peerHandle, count, sizeBytes });
  }

  writable(): void {
    this.#sayPresence();
    if (this.isWritable) this.#events.onWritable();
  }

  #send(to: number | readonly number[] | undefined, payload: Uint8Array, roomBytes: number | undefined): void {
    if (this.#stage !== "joined") return;
    const header = encodeClientDataHeader({ topicHandle: this.#topicHandle, to });
    this.#connection?.sendData(headed(header, payload, roomBytes));
  }

  #join(): void {
    this.#stage = "joining";
    this.#members.clear();
    this.#early = [];
    this.#earlyBytes = this.#pageCount = this.#after = 0;
    this.#unsaid = undefined;
    const { peerId, presence } = this.#options;
    const asked = { type: "join", topic: this.#topic, peerId: peerId(), encoding: "binary" } as const;
    this.#ask({ ...asked, takeover: this.#takeover, presence: presence?.() });
  }

  #ask(question: TopicQuestion): void {
    this.#setTimer(ANSWER_MS, () => this.#senseless(`no answer to ${question.type} in ${ANSWER_MS} ms`));
    this.#connection?.ask(this, question);
  }

  #joined(joined: Joined): boolean {
    const { topicHandle, takeover, members, more = false } = joined;
    if (this.#connection?.bind(topicHandle, this) !== true) return false;
    this.#stage = "paging";
    this.#self = memberOf(joined);
    this.#topicHandle = topicHandle;
    this.#takeover = takeover;
    return this.#addPage(members, more);
  }

  #addPage(page: readonly LineMember[], more: boolean): boolean {
    for (const member of page) {
      if (this.#isSelf(member)) return this.#senseless("own handle doubled");
      this.#members.set(member.peerHandle, memberOf(member));
    }
    if (!more) {
      this.#complete();
      return true;
    }
    const last = page.at(-1)?.peerHandle ?? 0;
    this.#pageCount += 1;
    if (last <= this.#after || this.#pageCount > MAX_PAGES || this.#members.size > MAX_MEMBERS) {
      return this.#senseless("endless members");
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
      maxPayloadBytes: this.#parts.line.maxPayloadBytes,
    });
    // Its listener may have left: then this does nothing.
    for (const data of early) this.#data(data);
    this.writable();
  }

  #peerJoined(member: LineMember): boolean {
    const { peerHandle, presence } = member;
    if (this.#isSelf(member) || this.#members.size >= MAX_MEMBERS) return false;
    const known = this.#members.get(peerHandle);
    // In a page and by an event: who came meanwhile, and may have changed since the page.
    if (known !== undefined) {
      if (presence === undefined || presence === known.presence) return known.peerId === member.peerId;
      return this.#shows({ ...member, presence });
    }
    this.#members.set(peerHandle, member);
    if (this.#stage === "joined") this.#events.onPeerJoined(member);
    return true;
  }

  /** While the pages are read somebody may be told of who stands in a later one: there it shows the same. */
  #shows({ peerId, peerHandle, presence }: LineMember & { readonly presence: string }): boolean {
    const known = this.#members.get(peerHandle);
    if (known === undefined) return this.#stage === "paging" && !this.#isSelf({ peerId, peerHandle });
    if (known.peerId !== peerId) return false;
    this.#members.set(peerHandle, { ...known, presence });
    if (this.#stage === "joined") this.#events.onPresence({ peerHandle, presence });
    return true;
  }

  #sayPresence(): void {
    const presence = this.#unsaid;
    if (presence === undefined || !this.isWritable) return;
    this.#unsaid = undefined;
    if (this.#parts.line.can("presence")) this.#connection?.show(this.#topic, presence);
  }

  #peerLeft(member: LineMember): boolean {
    const { peerHandle } = member;
    if (this.#isSelf(member)) {
      // A renewed token does not allow it any more.
      this.#release();
      this.end(new TopicError("not-permitted"));
      return true;
    }
    const known = this.#members.get(peerHandle);
    this.#members.delete(peerHandle);
    if (known !== undefined && this.#stage === "joined") this.#events.onPeerLeft(known);
    return true;
  }

  #data(data: Data): boolean {
    if (this.#stage === "joined") {
      const isMember = this.#members.has(data.peerHandle);
      if (isMember) this.#events.onData(data);
      return isMember;
    }
    this.#earlyBytes += data.payload.length + EARLY_MESSAGE_BYTES;
    if (this.#stage === "paging" && this.#earlyBytes <= MAX_EARLY_BYTES) this.#early.push(data);
    return true;
  }

  #receiveAfterLeaving(message: TopicMessage): boolean {
    if (message.type === "peer-left" && this.#isSelf(message)) {
      this.#release();
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
    const final = finalTopicCode(code);
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
    const again = (): void => {
      if (this.#connection === connection && this.#stage === "joining") this.#join();
    };
    return connection?.renewToken(again) === true;
  }

  #joinLater(): void {
    this.#setTimer(this.#parts.backOff.nextMs(), () => this.#join());
  }

  #setTimer(delayMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(delayMs, task);
  }

  #isSelf({ peerHandle }: LineMember): boolean {
    return peerHandle === this.#self.peerHandle;
  }

  #release(): void {
    this.#connection?.release(this.#topic, this.#topicHandle, this);
  }

  #senseless(cause: string): true {
    this.#connection?.abandon("protocol-error", cause);
    return true;
  }
}

/** The fields of a member alone. */
function memberOf({ peerId, peerHandle, presence }: LineMember): LineMember {
  return { peerId, peerHandle, presence };
}
