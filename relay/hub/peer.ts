import { Outbox, type OutboxOptions } from "./outbox.ts";
import type { HoldRules, Link } from "./ports.ts";

/** What a peer has for each topic that it is in. */
type Membership = { readonly topicName: string };

/** The hub's side of one connection: where its frames go, and which topics it is in. Only the hub changes it. */
export class Peer<M extends Membership = Membership> {
  readonly link: Link;
  readonly outbox: Outbox;
  readonly holdRules: HoldRules;
  readonly #memberships = new Map<string, M>();
  #isOut = false;

  constructor(link: Link, options: OutboxOptions, holdRules: HoldRules) {
    this.link = link;
    this.holdRules = holdRules;
    this.outbox = new Outbox(link, options);
  }

  /** Whether it is over: nothing more is taken from it or given to it. */
  get isOver(): boolean {
    return this.outbox.isClosed;
  }

  get topicCount(): number {
    return this.#memberships.size;
  }

  /** In join order. A view: it changes as the peer joins and leaves. */
  memberships(): Iterable<M> {
    return this.#memberships.values();
  }

  memberOf(topicName: string): M | undefined {
    return this.#memberships.get(topicName);
  }

  /** The hub's: it has joined. */
  add(member: M): void {
    this.#memberships.set(member.topicName, member);
  }

  /** The hub's: it has left. @returns whether it was in there. */
  remove(member: M): boolean {
    return this.#memberships.get(member.topicName) === member && this.#memberships.delete(member.topicName);
  }

  /** The hub's: it is over, and about to leave every topic for good. @returns whether that is news. */
  end(): boolean {
    this.outbox.close();
    if (this.#isOut) return false;
    this.#isOut = true;
    return true;
  }
}
