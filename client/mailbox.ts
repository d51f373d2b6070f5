/** The package `postern-client/mailbox`: messages for peers who are away, for browsers, Node, Deno and Bun. */

import { DeliveryError } from "./errors.ts";
import type { Mailboxes } from "./mailbox/mailbox.ts";
import { RelayMailboxes } from "./mailbox/relay-mailboxes.ts";
import type { HostsMailboxes } from "./mailbox-host.ts";
import type { Relay } from "./relay.ts";

export type * from "./mailbox/mailbox.ts";
export { MailboxError } from "./mailbox/mailbox-error.ts";

/**
 * The mailboxes at a relay: the same object at each call. They have a connection of their own, which is dialled when it is
 * needed, and closed with the relay.
 * @throws DeliveryError `option-invalid` where the relay is of another copy of this package
 */
export function mailboxesOf(relay: Relay): Mailboxes {
  if (hostsMailboxes(relay)) {
    const mailboxes = relay.hostMailboxes((host) => new RelayMailboxes(host));
    if (mailboxes instanceof RelayMailboxes) return mailboxes;
  }
  throw new DeliveryError("option-invalid", { cause: "a relay of another copy of postern-client" });
}

function hostsMailboxes(relay: Relay): relay is Relay & HostsMailboxes {
  return "hostMailboxes" in relay;
}
