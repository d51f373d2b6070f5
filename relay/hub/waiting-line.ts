import type { HeldMessage, Hold } from "./hold.ts";
import type { MemberIdentity } from "./ports.ts";
import type { Member } from "./topic.ts";

/** One message and the member of the receiver that is to get it. The waiting line's to change. */
export type Owed = {
  readonly message: HeldMessage;
  to: Member;
  /** Who joins under a name whose last owner has left comes after that farewell. */
  after?: Owed | undefined;
  /** It stands in no line any more. */
  isOut?: boolean;
};

/** What one sender owes one receiver, oldest first. */
class Share {
  #owed: (Owed | undefined)[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#owed.length;
  }

  get first(): Owed | undefined {
    return this.#owed[this.#at];
  }

  push(owed: Owed): void {
    this.#owed.push(owed);
  }

  shift(): Owed | undefined {
    const owed = this.#owed[this.#at];
    // Not kept until the next compaction: it may be megabytes.
    this.#owed[this.#at] = undefined;
    this.#at += 1;
    // A long line is not moved with each message.
    if (this.#at > 32 && this.#at * 2 > this.#owed.length) this.#keep(this.#owed.slice(this.#at));
    return owed;
  }

  /** Those that wait, oldest first. */
  waiting(): readonly Owed[] {
    return this.#owed.slice(this.#at).filter((owed) => owed !== undefined);
  }

  /** Takes out those that this holds of. */
  take(isTaken: (owed: Owed) => boolean): Owed[] {
    const waiting = this.waiting();
    this.#keep(waiting.filter((owed) => !isTaken(owed)));
    return waiting.filter(isTaken);
  }

  #keep(owed: (Owed | undefined)[]): void {
    this.#owed = owed;
    this.#at = 0;
  }
}

/** Who waits for one receiver that has no room: its senders, first come first served, one message each per round. */
export class WaitingLine {
  readonly #shares = new Map<Hold, Share>();
  /** The last farewell that waits, by topic and name. */
  readonly #farewells = new Map<string, Owed>();
  /** Those whose coming waits: the receiver does not know of them yet. */
  readonly #newcomers = new Set<MemberIdentity>();

  get isEmpty(): boolean {
    return this.#shares.size === 0;
  }

  /** Whether the receiver has yet to be told that this member came. */
  hasNewcomer(member: MemberIdentity): boolean {
    return this.#newcomers.has(member);
  }

  /** How many senders wait. */
  get senderCount(): number {
    return this.#shares.size;
  }

  push(owed: Owed): void {
    const { event, hold } = owed.message;
    let share = this.#shares.get(hold);
    if (share === undefined) {
      share = new Share();
      this.#shares.set(hold, share);
    }
    share.push(owed);
    if (event.type === "peer-left") this.#farewells.set(nameOf(event.member), owed);
    else if (event.type === "peer-joined") {
      owed.after = this.#farewells.get(nameOf(event.member));
      this.#newcomers.add(event.member);
    }
  }

  /**
   * The turn of the sender at the head of the line, which goes to its end: its oldest message. Undefined: that one has to
   * wait for a farewell of another sender. The oldest message of all never has to.
   */
  shift(): Owed | undefined {
    const [first] = this.#shares;
    if (first === undefined) return undefined;
    const [hold, share] = first;
    this.#shares.delete(hold);
    const owed = mustWait(share.first) ? undefined : share.shift();
    if (owed !== undefined) this.#out(owed);
    if (!share.isEmpty) this.#shares.set(hold, share);
    return owed;
  }

  /** Takes out what one sender owes, all of it or what this holds of; oldest first. */
  takeFrom(hold: Hold, isTaken: (owed: Owed) => boolean = () => true): readonly Owed[] {
    const share = this.#shares.get(hold);
    if (share === undefined) return [];
    const taken = share.take(isTaken);
    for (const owed of taken) this.#out(owed);
    if (share.isEmpty) this.#shares.delete(hold);
    return taken;
  }

  /** Takes out what is owed to one membership, or to all. */
  takeFor(to?: Member): readonly Owed[] {
    return this.#takeOf((owed) => to === undefined || owed.to === to);
  }

  /**
   * What is owed to one membership is owed to another one.
   * @param isWelcomed it was told who is there: what it is owed of comings and goings is taken out.
   */
  move(from: Member, to: Member, { isWelcomed }: { readonly isWelcomed: boolean }): readonly Owed[] {
    const isPast = (owed: Owed) => owed.to === from && "member" in owed.message.event;
    const taken = isWelcomed ? this.#takeOf(isPast) : [];
    for (const share of this.#shares.values()) for (const owed of share.waiting()) if (owed.to === from) owed.to = to;
    return taken;
  }

  #takeOf(isTaken: (owed: Owed) => boolean): readonly Owed[] {
    return [...this.#shares.keys()].flatMap((hold) => this.takeFrom(hold, isTaken));
  }

  #out(owed: Owed): void {
    owed.isOut = true;
    const { event } = owed.message;
    if (event.type === "peer-joined") this.#newcomers.delete(event.member);
    if (event.type !== "peer-left") return;
    const name = nameOf(event.member);
    if (this.#farewells.get(name) === owed) this.#farewells.delete(name);
  }
}

function mustWait(owed: Owed | undefined): boolean {
  return owed?.after !== undefined && owed.after.isOut !== true;
}

/** Both parts may hold anything. */
function nameOf({ peerId, topicName }: MemberIdentity): string {
  return `${peerId.length} ${peerId}${topicName}`;
}
