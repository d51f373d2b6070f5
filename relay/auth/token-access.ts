import type { Access, AccessRefusal, Presented } from "../session/ports.ts";
import type { Grant } from "./grant.ts";
import { refusalStatus } from "./refusals.ts";

/** So many tokens may fail on one connection that has a grant; the next failure ends it. */
const MAX_FAILURES = 5;

/** What an access asks of the authority that made it. */
export interface AccessDesk {
  /** Checks a token. Never rejects. */
  check(token: string): Promise<Grant | AccessRefusal>;
  /** Takes up a grant in place of the one before, if there was one; or says why not. */
  take(access: TokenAccess, grant: Grant, before: Grant | undefined): AccessRefusal | undefined;
  /** Counts what the desk has no other way to know of. */
  refused(refusal: AccessRefusal): void;
  denied(): void;
  /** Forgets the access and the grant that it had. */
  forget(access: TokenAccess, grant: Grant | undefined): void;
}

/** What one connection may do by the last good token that it presented. Without one it may present one, and no more. */
export class TokenAccess implements Access {
  readonly #desk: AccessDesk;
  #grant: Grant | undefined;
  /** Stays when the grant ends: the access log asks for it then. */
  #subject: string | undefined;
  #mayJoin = false;
  #mayPublish = false;
  #mayUseMailboxes = false;
  #isReleased = false;
  #failures = 0;
  #onEnded: ((why: AccessRefusal) => void) | undefined;

  constructor(desk: AccessDesk) {
    this.#desk = desk;
  }

  get grant(): Grant | undefined {
    return this.#grant;
  }

  get isGranted(): boolean {
    return this.#grant !== undefined;
  }

  get mayPublish(): boolean {
    return this.#mayPublish;
  }

  get mayUseMailboxes(): boolean {
    return this.#mayUseMailboxes;
  }

  get subject(): string | undefined {
    return this.#subject;
  }

  get rateClass(): string | undefined {
    return this.#grant?.rateClass;
  }

  mayJoin(topicName: string): boolean {
    return this.#mayJoin && this.#grant?.topics.allows(topicName) === true;
  }

  async present(token: string): Promise<Presented> {
    const checked = await this.#desk.check(token);
    const refusal = typeof checked === "string" ? checked : this.#take(checked);
    if (refusal === undefined) {
      this.#failures = 0;
      return { outcome: "granted", expiresAtMs: this.#grant?.expiresAtMs };
    }
    if (this.#grant === undefined || this.#isReleased) return { outcome: "refused", refusal };
    // What passes by itself is no mistake of the client's: the grant that it has stays good.
    if (refusalStatus(refusal) === 401) this.#failures += 1;
    return { outcome: this.#failures > MAX_FAILURES ? "refused" : "kept", refusal };
  }

  denied(): void {
    this.#desk.denied();
  }

  whenEnded(callback: (why: AccessRefusal) => void): void {
    this.#onEnded = callback;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#desk.forget(this, this.#grant);
    this.#withdraw();
  }

  /** Ends the grant before the connection: from here on nothing is allowed, whatever is on its way. */
  end(why: AccessRefusal): void {
    if (this.#isReleased) return;
    this.release();
    this.#onEnded?.(why);
  }

  #take(grant: Grant): AccessRefusal | undefined {
    // It ended while the token was checked: a grant that nobody ends must not be left.
    if (this.#isReleased) return "missing";
    if (this.#grant !== undefined && this.#grant.subject !== grant.subject) {
      this.#desk.refused("other-subject");
      return "other-subject";
    }
    const refusal = this.#desk.take(this, grant, this.#grant);
    if (refusal !== undefined) return refusal;
    this.#grant = grant;
    this.#subject = grant.subject;
    this.#mayJoin = grant.verbs.has("join");
    this.#mayPublish = grant.verbs.has("publish");
    this.#mayUseMailboxes = grant.verbs.has("mailbox");
    return undefined;
  }

  #withdraw(): void {
    this.#grant = undefined;
    this.#mayJoin = false;
    this.#mayPublish = false;
    this.#mayUseMailboxes = false;
  }
}
