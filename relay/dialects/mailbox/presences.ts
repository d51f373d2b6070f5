/** Deliveries that are remembered, so that their sender is told of each once. */
const MAX_TOLD = 65_536;

/** A connection that may be told that its message was delivered. */
export interface Sender {
  /** @param messageId its own, as it sent it. */
  delivered(messageId: string): void;
}

/** Who is connected, by mailbox; and of which messages the sender has been told that they were delivered. */
export class Presences {
  readonly #byMailbox = new Map<string, Set<Sender>>();
  /** In the order in which they were told. */
  readonly #told = new Set<number>();

  get mailboxCount(): number {
    return this.#byMailbox.size;
  }

  isHere(mailbox: string): boolean {
    return this.#byMailbox.has(mailbox);
  }

  enter(mailbox: string, sender: Sender): void {
    const here = this.#byMailbox.get(mailbox) ?? new Set();
    this.#byMailbox.set(mailbox, here.add(sender));
  }

  /** Its other connections stay. */
  leave(mailbox: string, sender: Sender): void {
    const here = this.#byMailbox.get(mailbox);
    here?.delete(sender);
    if (here?.size === 0) this.#byMailbox.delete(mailbox);
  }

  /** Tells those who sent a message that it was delivered, if they are here, and the first time only. */
  tell(mailbox: string, { sequence, messageId }: { readonly sequence: number; readonly messageId: string }): void {
    const here = this.#byMailbox.get(mailbox);
    if (here === undefined || this.#told.has(sequence)) return;
    this.#told.add(sequence);
    const [oldest] = this.#told;
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
    for (const sender of here) sender.delivered(messageId);
  }
}
