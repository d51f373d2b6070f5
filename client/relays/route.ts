import type { Sid } from "../delivery/ports.ts";
import type { PosternError } from "../errors.ts";
import type { TopicLine, TopicLineEvents } from "../line/topic-line.ts";
import type { OpenPassage, Passage, PassageEvents } from "../passage.ts";
import type { OpenLine } from "../plain-topic.ts";

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
  #isJoined = false;
  #isCongested = false;
  #name = "";
  #memberNames: ReadonlySet<string> = new Set();
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

  /** Unknown ones are the longest. */
  get roundTripMs(): number {
    return this.way.roundTripMs() ?? Number.MAX_SAFE_INTEGER;
  }

  /** Whether both are in one topic of one relay: this one saw the name of the other when it joined. */
  meets(other: Route): boolean {
    return other.#isJoined && this.#memberNames.has(other.#name);
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
        this.here.delete(sid);
        events.away(this, sid);
      },
      onPresence: (sid, presence) => {
        this.presences.set(sid, presence);
        events.shows(this, sid, presence);
      },
      onFrame: (sid, frame, how) => events.frame(sid, frame, how),
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
        this.#name = self.peerId;
        this.#memberNames = new Set(members.map(({ peerId }) => peerId));
        this.#maxPayloadBytes = maxPayloadBytes;
        this.#isJoined = true;
        const sids = passage.joined(members);
        for (const sid of sids) this.here.add(sid);
        events.joined(this, sids);
        // Needed for a moment only, and there may be many topics.
        this.#memberNames = new Set();
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
