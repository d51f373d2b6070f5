import { EncodedEvent } from "./encoded-event.ts";
import type { Peer } from "./peer.ts";
import type { HubEvent, Origin, TurnTime } from "./ports.ts";
import type { Member, Topic } from "./topic.ts";

/** What telling of presences asks of the hub. */
export type PresencesParts = {
  readonly time: TurnTime;
  /** Whether a peer was not told yet that this member came: its presence comes with that. */
  readonly isNews: (to: Peer<Member>, member: Member) => boolean;
  /** Gives one member an event that it takes, written for it. */
  readonly give: (to: Member, event: HubEvent, origin: Origin, frame: Uint8Array) => void;
  /** Something was given outside of an operation of the hub. */
  readonly afterGiving: () => void;
};

/** A reader is given so many presences of a topic, then its link writes them before there are more. */
const MAX_AT_ONCE = 64;

/** What is told in one turn: of each member what it shows, written once for each encoding. It may wait a little for company. */
class Turn {
  readonly #origin: Origin;
  readonly #give: PresencesParts["give"];
  readonly #written = new Map<Member, EncodedEvent>();

  constructor({ time, give }: PresencesParts) {
    this.#origin = { mayWait: true, receivedAtMs: time.nowMs };
    this.#give = give;
  }

  give(to: Member, member: Member): void {
    const event = { type: "presence", member } as const;
    let written = this.#written.get(member);
    if (written === undefined) {
      written = new EncodedEvent(event);
      this.#written.set(member, written);
    }
    this.#give(to, event, this.#origin, written.frameFor(to.encoding));
  }
}

/**
 * Tells members what the others show of themselves. A reader is told nothing more until what it was told has been written:
 * so of many changes meanwhile it gets the last, one frame for each member. What it misses is not kept anywhere, but read
 * from the members when it is its turn; nobody is made to wait for it.
 * @see docs/protocol.md#presence
 */
export class Presences {
  readonly #parts: PresencesParts;
  /** Somebody in them shows something else since the last turn. */
  readonly #changed = new Set<Topic>();
  /** Readers whose links have written what they were told. */
  readonly #due = new Set<Peer<Member>>();
  /** Readers whose links have not. */
  readonly #unwritten = new Set<Peer<Member>>();
  /** Readers that miss something and have no room for it. */
  readonly #cramped = new Set<Peer<Member>>();
  #isPlanned = false;

  constructor(parts: PresencesParts) {
    this.#parts = parts;
  }

  /** How many topics and readers something is kept about: none where all is told. */
  get waitingCount(): number {
    return this.#changed.size + this.#due.size + this.#unwritten.size + this.#cramped.size;
  }

  /** A member of this topic shows something else: the others are told in the next turn. */
  changed(topic: Topic): void {
    this.#changed.add(topic);
    this.#plan();
  }

  /** One without room is given a round of what it is owed, presences too. */
  serve(peer: Peer<Member>): void {
    if (this.#unwritten.has(peer) || !this.#cramped.delete(peer)) return;
    const turn = new Turn(this.#parts);
    for (const member of peer.memberships()) this.#tell(member, turn);
  }

  /** A peer is told nothing more. */
  gone(peer: Peer<Member>): void {
    for (const peers of [this.#due, this.#unwritten, this.#cramped]) peers.delete(peer);
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#parts.time.nextTurn(() => this.#tellAll());
  }

  #tellAll(): void {
    this.#isPlanned = false;
    const [topics, peers] = [[...this.#changed], [...this.#due]];
    this.#changed.clear();
    this.#due.clear();
    const turn = new Turn(this.#parts);
    // First those who have waited: in all of their topics, or one that changes all the time would keep them from the rest.
    for (const peer of peers) for (const member of peer.memberships()) this.#offer(member, turn);
    for (const topic of topics) {
      for (const member of topic.members()) if (!this.#unwritten.has(member.peer)) this.#offer(member, turn);
    }
    this.#parts.afterGiving();
  }

  #offer(member: Member, turn: Turn): void {
    if (member.peer.outbox.hasRoom) this.#tell(member, turn);
    else if (isBehind(member)) this.#cramped.add(member.peer);
  }

  #tell(member: Member, turn: Turn): void {
    if (!isBehind(member)) return;
    const { peer, topic } = member;
    let until = topic.lastShown;
    let leftCount = MAX_AT_ONCE;
    for (const { number, item } of topic.shownAfter(member.knownUntil)) {
      if (leftCount === 0 || !peer.outbox.isBelowHighWater || peer.outbox.isEnough) {
        until = number - 1;
        break;
      }
      if (item === member || this.#parts.isNews(peer, item)) continue;
      leftCount -= 1;
      turn.give(member, item);
    }
    member.knowsUntil(until);
    if (leftCount < MAX_AT_ONCE) this.#awaitWritten(peer);
    else if (isBehind(member)) this.#cramped.add(peer);
  }

  /** Anew with each topic that it was told something of: until the last of it. */
  #awaitWritten(peer: Peer<Member>): void {
    this.#unwritten.add(peer);
    peer.link.whenWritten(() => {
      // It may be gone.
      if (!this.#unwritten.delete(peer)) return;
      this.#due.add(peer);
      this.#plan();
    });
  }
}

/** Whether it misses what others show. Who has no word for it misses nothing. */
function isBehind({ knownUntil, topic, encoding, peer }: Member): boolean {
  return knownUntil < topic.lastShown && encoding.takes("presence") && !peer.outbox.isEnough;
}
