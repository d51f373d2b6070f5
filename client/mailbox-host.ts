import type { Clock } from "./clock.ts";
import type { Line, LineEvents } from "./line/line.ts";
import type { Cryptography } from "./sealing/cryptography.ts";

/** What mailboxes need of a relay. */
export type MailboxHost = {
  readonly clock: Clock;
  readonly cryptography: Cryptography;
  /** As it is dialled. */
  readonly address: string;
  /** Opens another connection to it, made anew until it is closed: the topics' own is not the mailboxes'. */
  readonly openLine: (events: LineEvents) => Pick<Line, "wake" | "close">;
};

/** What uses the mailboxes of a relay: it is closed with the relay. */
export type HostedMailboxes = { close(): void };

/** A relay at which mailboxes can be used. Apps ask `mailboxesOf`. */
export interface HostsMailboxes {
  /** Makes what uses them, once. @returns what was made the first time */
  hostMailboxes(make: (host: MailboxHost) => HostedMailboxes): HostedMailboxes;
}
