import type { HeldMessage, Hold } from "./hold.ts";
import type { Member } from "./topic.ts";

/** One message and the member of the receiver that is to get it. */
export type Owed = { readonly message: HeldMessage; readonly to: Member };

/** What one sender owes one receiver, oldest first. */
class Share {
  #owed: Owed[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#owed.length;
  }

  push(owed: Owed): void {
    this.#owed.push(owed);
  }

  shift(): Owed | undefined {
    const owed = this.#owed[this.#at];
    this.#at += 1;
    // A long line is not moved with each message.
    if (this.#at > 32 && this.#at * 2 > this.#owed.length) {
      this.#owed = this.#owed.slice(this.#at);
      this.#at = 0;
    }
    return owed;
  }

  /** Takes out those that this holds of. */
  take(isTaken: (owed: Owed) => boolean): Owed[] {
    const waiting = this.#owed.slice(this.#at);
    this.#owed = waiting.filter((owed) => !isTaken(owed));
    this.#at = 0;
    return waiting.filter(isTaken);
  }
}

/** Who waits for one receiver that has no room: its senders, first come first served, one message each per round. */
export class WaitingLine {
  readonly #shares = new Map<Hold, Share>();

  get isEmpty(): boolean {
    return this.#shares.size === 0;
  }

  /** How many senders wait. */
  get senderCount(): number {
    return this.#shares.size;
  }

  push(owed: Owed): void {
    const { hold } = owed.message;
    let share = this.#shares.get(hold);
    if (share === undefined) {
      share = new Share();
      this.#shares.set(hold, share);
    }
    share.push(owed);
  }

  /** The next message, of the sender whose turn it is; that sender goes to the end of the line. */
  shift(): Owed | undefined {
    const [first] = this.#shares;
    if (first === undefined) return undefined;
    const [hold, share] = first;
    const owed = share.shift();
    this.#shares.delete(hold);
    if (!share.isEmpty) this.#shares.set(hold, share);
    return owed;
  }

  /** Takes out what one sender owes, all of it or what this holds of; oldest first. */
  takeFrom(hold: Hold, isTaken: (owed: Owed) => boolean = () => true): readonly Owed[] {
    const share = this.#shares.get(hold);
    if (share === undefined) return [];
    const taken = share.take(isTaken);
    if (share.isEmpty) this.#shares.delete(hold);
    return taken;
  }

  /** Takes out what is owed to one membership, or to all. */
  takeFor(to?: Member): readonly Owed[] {
    return [...this.#shares.keys()].flatMap((hold) =>
      this.takeFrom(hold, (owed) => to === undefined || owed.to === to),
    );
  }
}
