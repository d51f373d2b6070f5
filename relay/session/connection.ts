import type { Applicant } from "../entrance/admission.ts";
import type { Access, SessionConnection } from "../hub/ports.ts";
import type { AccessLog, ConnectionFacts } from "../observability/access-log.ts";

/** A link that may send as fast as its class may. */
type Limited = { limitTo(rateClass: string | undefined): void };

/** What it tells. */
type OpenConnectionParts = {
  readonly accessLog: AccessLog;
  readonly link: Limited;
  readonly onDefect: (error: unknown) => void;
};

/** One connection from its upgrade to its end, as its session sees it and as the access log is told of it. */
export class OpenConnection implements SessionConnection {
  readonly access: Access;
  readonly applicant: Applicant;
  readonly facts: ConnectionFacts;
  readonly #accessLog: AccessLog;
  readonly #link: Limited;
  readonly #onDefect: (error: unknown) => void;
  #rateClass: string | undefined;

  constructor(
    { accessLog, link, onDefect }: OpenConnectionParts,
    access: Access,
    applicant: Applicant,
    facts: ConnectionFacts,
  ) {
    this.#accessLog = accessLog;
    this.#link = link;
    this.#onDefect = onDefect;
    this.access = access;
    this.applicant = applicant;
    this.facts = facts;
    this.#lookAtGrant();
  }

  get requestId(): string {
    return this.facts.requestId;
  }

  authorized(): void {
    this.#lookAtGrant();
  }

  failed(error: unknown): void {
    this.#onDefect(error);
  }

  joined(topicName: string): void {
    this.#accessLog.joined(this.facts, topicName);
  }

  left(topicName: string): void {
    this.#accessLog.left(this.facts, topicName);
  }

  /** @param end how it ended, and what it carried. */
  closed(end: Parameters<AccessLog["closed"]>[1]): void {
    this.#lookAtGrant();
    this.#accessLog.closed(this.facts, end);
  }

  /** A token may have come in a message, after the upgrade. */
  #lookAtGrant(): void {
    const { subject, rateClass } = this.access;
    this.facts.subject = subject;
    if (rateClass === this.#rateClass) return;
    this.#rateClass = rateClass;
    this.#link.limitTo(rateClass);
  }
}
