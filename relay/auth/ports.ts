import type { IncomingHttpHeaders } from "node:http";
import type { Access, AccessRefusal } from "../session/ports.ts";

/** What an upgrade request gets for its credential: what the connection may do; or the HTTP status and why. */
export type Admission =
  | { readonly access: Access }
  | { readonly refusal: AccessRefusal; readonly status: 401 | 429 | 503 };

/** Who is let in, and what became of those who asked. Integers since the start, except the last two. */
export type AuthorityCounts = {
  /** Tokens and connections that were refused, by reason. `missing`: a connection that sent something without a grant. */
  readonly refused: Readonly<Record<AccessRefusal, number>>;
  /** Grants that were given to connections, and those given again in place of an earlier one. */
  readonly granted: number;
  readonly renewed: number;
  /** Connections ended because their grant expired or was revoked. */
  readonly expired: number;
  readonly revoked: number;
  /** Times that keys were fetched, and that this failed. */
  readonly keyFetches: number;
  readonly keyFetchFailures: number;
  /** Tokens being checked now. */
  readonly checksInFlight: number;
  /** Subjects that have a connection now. */
  readonly subjects: number;
};

/** Decides who may use the relay. One for the relay. */
export interface Authority {
  /** @throws RelayError AUTH_UNUSABLE where keys or revocations cannot be read: then nobody must be let in. */
  start(): Promise<void>;
  /**
   * Decides on a connection before there is one, by the headers of its upgrade alone. The caller owes the access a
   * `release`. Never rejects; takes a bounded time, and no more than a bounded number take any.
   */
  admit(headers: IncomingHttpHeaders): Admission | Promise<Admission>;
  /** Reads keys and revocations again, and ends the connections that are revoked. Never rejects: a bad file is logged, and what was read before stays. */
  reload(): Promise<void>;
  stop(): void;
  counts(): AuthorityCounts;
}
