import type { TurnTime } from "../../hub/ports.ts";
import type { Traffic } from "../../hub/traffic.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import type { Identities } from "./identities.ts";
import type { MailboxRates } from "./mailbox-rates.ts";
import type { NoiseKey } from "./noise.ts";
import type { Presences } from "./presences.ts";

/** Why a message, or a client, is not taken. */
export const mailboxRejections = ["bad-message", "over-rate", "refused", "too-large-for-noise"] as const;

/** One of the reasons above. */
export type MailboxRejection = (typeof mailboxRejections)[number];

/** What the sessions of this dialect use. One object for all of them. */
export type MailboxParts = {
  readonly mailboxes: Mailboxes;
  readonly identities: Identities;
  readonly presences: Presences;
  readonly rates: MailboxRates;
  readonly received: Traffic;
  readonly sent: Traffic;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly epochMs: () => number;
  /** By which clients know the relay. Rejects where the store fails. */
  readonly noiseKey: () => Promise<NoiseKey>;
  readonly reject: (reason: MailboxRejection) => void;
  readonly options: { readonly mailboxRequireNoise: boolean };
};

/** Who a client is, after its handshake. */
export type Client = {
  readonly clientId: string;
  readonly deviceId: string | undefined;
  /** The id of its mailbox. */
  readonly mailbox: string;
  /** Senders are not told that their messages were delivered. */
  readonly suppressesPresence: boolean;
};

/** The name of a mailbox in the store. */
export function blobsOf(mailbox: string): string {
  return `blobs/${mailbox}`;
}

/** Where the devices of an identity leave messages for each other. */
export function devicesOf(clientId: string): string {
  return `devices/${clientId}`;
}
