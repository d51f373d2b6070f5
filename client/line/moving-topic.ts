import type { PosternError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Membership } from "./membership.ts";
import type { TopicLine, TopicLineEvents } from "./topic-line.ts";

/** What has come on the next connection waits so far for the rest of the present one. */
const MAX_HELD_COUNT = 10_000;

/** Makes a membership of the topic. @param takeover what proves to the relay that it is the same client. */
export type CreateMembership = (events: TopicLineEvents, takeover: string | undefined) => Membership;

/**
 * A topic that may go from one connection to another while both are up: it joins on the next one, hears the present one to
 * its end, and then goes on with what has come on the next. So nothing is lost, and nothing out of order.
 */
export class MovingTopic implements TopicLine {
  readonly #create: CreateMembership;
  readonly #events: TopicLineEvents;
  #current: Membership;
  #next: Membership | undefined;
  #hasNextJoined = false;
  /** What the next one has told. */
  #held: (() => void)[] = [];

  constructor(create: CreateMembership, events: TopicLineEvents) {
    this.#create = create;
    this.#events = events;
    this.#current = create(
      this.#eventsOf(() => this.#current),
      undefined,
    );
  }

  get isWritable(): boolean {
    return this.#current.isWritable;
  }

  get hasLists(): boolean {
    return this.#current.hasLists;
  }

  sendToAll(payload: Uint8Array, roomBytes?: number): void {
    this.#current.sendToAll(payload, roomBytes);
  }

  sendTo(peerHandles: readonly number[], payload: Uint8Array, roomBytes?: number): void {
    this.#current.sendTo(peerHandles, payload, roomBytes);
  }

  setPresence(presence: string): void {
    this.#current.setPresence(presence);
    this.#next?.setPresence(presence);
  }

  expectTraffic(): void {
    this.#current.expectTraffic();
  }

  async leave(): Promise<void> {
    const next = this.#next;
    this.#forget();
    await Promise.all([this.#current.leave(), next?.leave()]);
  }

  /** Whether this is the membership that the topic is on. */
  isOn(membership: Membership): boolean {
    return membership === this.#current;
  }

  /** Whether it has joined on the connection that it goes to, or goes nowhere. */
  get isReadyToMove(): boolean {
    return this.#next === undefined || this.#hasNextJoined;
  }

  up(connection: Connection): void {
    this.#forget()?.stop();
    this.#current.up(connection);
  }

  down(): void {
    this.#forget()?.stop();
    this.#current.down();
  }

  end(error: PosternError): void {
    this.#forget()?.stop();
    this.#current.end(error);
  }

  stop(): void {
    this.#forget()?.stop();
    this.#current.stop();
  }

  /** Joins on this connection too. @param onReady called when it may go over. */
  prepare(connection: Connection, onReady: () => void): void {
    if (!this.#current.isJoined) return;
    const next: Membership = this.#create(
      this.#eventsOf(
        () => next,
        () => {
          this.#hasNextJoined = true;
          onReady();
        },
      ),
      this.#current.takeover,
    );
    this.#next = next;
    next.up(connection);
  }

  /** It goes nowhere: the next connection is gone. */
  stay(): void {
    this.#forget()?.stop();
  }

  /** The present connection has said its last word: goes over to this one, where it has joined, or is about to. */
  move(connection: Connection): void {
    const next = this.#next;
    if (next === undefined) {
      this.down();
      this.up(connection);
      return;
    }
    const held = this.#held;
    const before = this.#current;
    this.#forget();
    this.#current = next;
    before.stop();
    this.#events.onDown();
    for (const tell of held) tell();
  }

  #forget(): Membership | undefined {
    const next = this.#next;
    this.#next = undefined;
    this.#hasNextJoined = false;
    this.#held = [];
    return next;
  }

  /** Tells what the present membership tells, and keeps what the next one does. */
  #eventsOf(membership: () => Membership, onJoined: () => void = () => undefined): TopicLineEvents {
    const pass = (tell: () => void): void => {
      if (membership() === this.#current) tell();
      else if (membership() === this.#next && this.#held.length < MAX_HELD_COUNT) this.#held.push(tell);
    };
    const events = this.#events;
    return {
      onJoined: (joined) => {
        pass(() => events.onJoined(joined));
        onJoined();
      },
      onDown: () => pass(() => events.onDown()),
      onPeerJoined: (member) => pass(() => events.onPeerJoined(member)),
      onPeerLeft: (member) => pass(() => events.onPeerLeft(member)),
      onPresence: (shown) => pass(() => events.onPresence(shown)),
      onData: (data) => pass(() => events.onData(data)),
      onOmitted: (omitted) => pass(() => events.onOmitted(omitted)),
      onCongestion: (congestion) => pass(() => events.onCongestion(congestion)),
      onWritable: () => pass(() => events.onWritable()),
      onEnded: (error) => {
        if (membership() === this.#current) events.onEnded(error);
        else if (membership() === this.#next) this.#forget();
      },
    };
  }
}
