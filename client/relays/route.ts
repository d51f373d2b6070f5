import { decodeDistance, encodeDistance } from "../delivery/frame.ts";
import type { Sid } from "../delivery/ports.ts";
import type { PosternError } from "../errors.ts";
import type { LineMember, TopicLine, TopicLineEvents } from "../line/topic-line.ts";
import type { OpenPassage, Passage, PassageEvents } from "../passage.ts";
import type { OpenLine } from "../plain-topic.ts";

/** What differs by less, differs by chance. */
export const WORTH_MS = 10;

/** A line, as a topic sees it that is to be joined there. */
export type Way = {
  /** Joins the topic there. */
  readonly open: OpenLine;
  /** Whether the relay ends the old connection of a client that comes back. */
  readonly canTakeOver: () => boolean;
  /** The last one that was measured on this line; undefined before there is one. */
  readonly roundTripMs: () => number | undefined;
  /** The topic is joined there, at first or anew. */
  readonly onJoined: () => void;
  /** The relay does not take the topic back. Told before the topic ends, which may be joined elsewhere now. */
  readonly onEnded: (error: PosternError) => void;
  /** Another line of this client leads to the same relay: to be in a topic twice is of no use. */
  readonly onDoubled: () => void;
};

/** What a route tells of itself: `joined` and `down` alternate, and all else comes between them. */
export interface RouteEvents {
  joined(route: Route, sids: readonly Sid[]): void;
  down(route: Route): void;
  here(route: Route, sid: Sid): void;
  away(route: Route, sid: Sid): void;
  /** Also before the session is here. */
  shows(route: Route, sid: Sid, presence: Uint8Array): void;
  /** For the first time it has said how far it is from this relay. */
  located(route: Route, sid: Sid): void;
  congestion(route: Route, sid: Sid | undefined, isCongested: boolean): void;
  ended(route: Route, error: PosternError): void;
  frame: PassageEvents["onFrame"];
  writable(): void;
  classic: PassageEvents["onClassic"];
  fault: PassageEvents["onFault"];
  omitted(sid: Sid, omitted: { readonly count: number; readonly sizeBytes: number }): void;
}

/** What a route is made of. */
export type RouteParts = {
  readonly ownSid: Sid;
  readonly openPassage: OpenPassage;
  readonly presence: Uint8Array | undefined;
  readonly events: RouteEvents;
};

/** One topic on one line: who is heard there, and what goes there. */
export class Route {
  readonly passage: Passage;
  readonly way: Way;
  /** Who is heard here. */
  readonly here: Set<Sid> = new Set();
  /** What they show here: also of who is not heard yet. */
  readonly presences: Map<Sid, Uint8Array> = new Map();
  readonly #distancesMs = new Map<Sid, number>();
  /** How far this end is from the relay, as it has said last. */
  #toldMs = Number.NaN;
  #isJoined = false;
  #isCongested = false;
  #self: LineMember = { peerId: "", peerHandle: 0 };
  /** As they were at the join, while that is told. */
  #members: readonly LineMember[] = [];
  #maxPayloadBytes = Number.POSITIVE_INFINITY;
  #line: TopicLine | undefined;
  #isOver = false;
  readonly #events: RouteEvents;

  constructor(way: Way, { ownSid, openPassage, presence, events }: RouteParts) {
    this.way = way;
    this.#events = events;
    this.passage = openPassage({
      ownSid,
      line: () => this.#line,
      canTakeOver: way.canTakeOver,
      events: this.#passageEvents(),
    });
    if (presence !== undefined) this.passage.show(presence);
  }

  /** Begins to join. Once. */
  open(): void {
    const { passage } = this;
    this.#line = this.way.open(
      { peerId: () => passage.nextName(), presence: () => passage.nextPresence() },
      this.#lineEvents(),
    );
  }

  /** What goes to all waits at this relay. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  /** From this end to the relay, and on to this session and back, as far as that is known. */
  roundTripMs(sid?: Sid): number {
    const own = this.way.roundTripMs() ?? Number.MAX_SAFE_INTEGER;
    return own + (sid === undefined ? 0 : (this.#distancesMs.get(sid) ?? 0));
  }

  /** Tells these, or all where that has changed, how far this end is from the relay. */
  tellDistance(sids?: readonly Sid[]): void {
    const ms = this.way.roundTripMs();
    const { carrier } = this.passage;
    if (ms === undefined || !this.#isJoined) return;
    if (sids !== undefined) return carrier.toPeers(sids, encodeDistance(ms));
    if (Math.abs(ms - this.#toldMs) < WORTH_MS) return;
    this.#toldMs = ms;
    carrier.toAll(encodeDistance(ms));
  }

  /** A session is not heard here any more. */
  forget(sid: Sid): void {
    this.here.delete(sid);
    this.presences.delete(sid);
    this.#distancesMs.delete(sid);
  }

  /** Whether both are in one topic of one relay: this one saw the name of the other when it joined. */
  meets(other: Route): boolean {
    const { peerId, peerHandle } = other.#self;
    // The name alone may be taken on another relay by anybody who has seen it.
    return other.#isJoined && this.#members.some((one) => one.peerId === peerId && one.peerHandle === peerHandle);
  }

  /** Nothing more is told. Resolves when the relay knows it, or after 2 s. Never rejects. */
  async leave(): Promise<void> {
    this.#isOver = true;
    this.#isJoined = false;
    // Behind what is still to be sealed: who has not proved itself is asked no more.
    this.passage.down();
    await this.#line?.leave();
  }

  #passageEvents(): PassageEvents {
    const events = this.#events;
    return {
      onHere: (sid) => {
        this.here.add(sid);
        events.here(this, sid);
      },
      onAway: (sid) => {
        this.forget(sid);
        events.away(this, sid);
      },
      onPresence: (sid, presence) => {
        this.presences.set(sid, presence);
        events.shows(this, sid, presence);
      },
      onFrame: (sid, frame, how) => {
        const distanceMs = decodeDistance(frame);
        if (distanceMs === undefined) return events.frame(sid, frame, how);
        const isFirst = !this.#distancesMs.has(sid);
        this.#distancesMs.set(sid, distanceMs);
        // Later ones have to wait for the next look: nobody is led to and fro by another's word.
        if (isFirst) events.located(this, sid);
      },
      onWritable: () => events.writable(),
      onClassic: (peerId) => events.classic(peerId),
      onFault: (kind, sid) => events.fault(kind, sid),
    };
  }

  #lineEvents(): TopicLineEvents {
    const { passage } = this;
    const events = this.#events;
    const unlessOver =
      <Event>(tell: (event: Event) => void) =>
      (event: Event): void => {
        if (!this.#isOver) tell(event);
      };
    return {
      onJoined: unlessOver(({ self, members, maxPayloadBytes }) => {
        this.#self = self;
        this.#members = members;
        this.#toldMs = Number.NaN;
        this.#maxPayloadBytes = maxPayloadBytes;
        this.#isJoined = true;
        const sids = passage.joined(members);
        for (const sid of sids) this.here.add(sid);
        events.joined(this, sids);
        this.#members = [];
        if (!this.#isOver) this.way.onJoined();
      }),
      onDown: () => {
        if (this.#isOver) return;
        this.#isJoined = false;
        this.#isCongested = false;
        passage.down();
        events.down(this);
      },
      onPeerJoined: unlessOver((member) => passage.peerJoined(member)),
      onPeerLeft: unlessOver(({ peerHandle }) => passage.peerLeft(peerHandle)),
      onData: unlessOver((data) => passage.received(data)),
      onPresence: unlessOver(({ peerHandle, presence }) => passage.shown(peerHandle, presence)),
      onOmitted: unlessOver(({ peerHandle, count, sizeBytes }) => {
        const sid = passage.sidOf(peerHandle);
        if (sid !== undefined) events.omitted(sid, { count, sizeBytes });
      }),
      onCongestion: unlessOver(({ to, isCongested }) => {
        const sid = to === undefined ? undefined : passage.sidOf(to);
        if (to === undefined) this.#isCongested = isCongested;
        if (to === undefined || sid !== undefined) events.congestion(this, sid, isCongested);
      }),
      onWritable: () => events.writable(),
      onEnded: unlessOver((error) => events.ended(this, error)),
    };
  }
}
