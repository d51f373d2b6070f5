import type { Access, Presented } from "../session/ports.ts";
import type { Admission, Authority, AuthorityCounts } from "./ports.ts";
import { refusalCounter } from "./refusals.ts";

const GRANTED: Presented = { outcome: "granted", expiresAtMs: undefined };

/** Everything that a topic's name allows. One object for all connections: it knows nothing of any. */
const openAccess: Access = {
  isGranted: true,
  mayPublish: true,
  mayUseMailboxes: true,
  subject: undefined,
  rateClass: undefined,
  mayJoin: () => true,
  // Not looked at: a client that has a token must not have to know that it needs none here.
  present: () => Promise.resolve(GRANTED),
  denied: () => undefined,
  whenEnded: () => undefined,
  release: () => undefined,
};

/** Lets everybody in: the names of topics are the secrets that their members share. */
export class OpenAuthority implements Authority {
  readonly #admission: Admission = { access: openAccess };

  start(): Promise<void> {
    return Promise.resolve();
  }

  admit(): Admission {
    return this.#admission;
  }

  reload(): Promise<void> {
    return Promise.resolve();
  }

  stop(): void {
    // Nothing was started.
  }

  counts(): AuthorityCounts {
    const none = { granted: 0, renewed: 0, expired: 0, revoked: 0, checksInFlight: 0, subjects: 0 };
    const ofKeys = { keyFetches: 0, keyFetchFailures: 0 };
    return { refused: refusalCounter().read(), ...none, ...ofKeys };
  }
}
