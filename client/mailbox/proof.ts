import { MailboxError } from "./mailbox-error.ts";
import type { MailboxLine } from "./mailbox-line.ts";

/** Behind the last message that there can be. */
export const NOTHING_AFTER: number = Number.MAX_SAFE_INTEGER;

/** What a proof is about. */
type ProofOf = {
  readonly publicKey: string;
  /** The host that was dialled. */
  readonly host: string;
  /** What is given of the mailbox begins behind it. */
  readonly cursor: number;
  readonly sign: (challenge: { readonly host: string; readonly nonce: string }) => Promise<string>;
};

/**
 * Proves to the relay, on this connection, to have a key. Signs for the host that was dialled alone: a relay that is trusted less
 * could open the mailbox at another one with the answer.
 * @throws MailboxError `host-mismatch`, or what the relay refuses with; ConnectError `unreachable`: the connection is gone
 */
export async function prove(line: MailboxLine, { publicKey: mailbox, host, cursor, sign }: ProofOf): Promise<void> {
  const challenge = await line.askHere({ type: "open-mailbox", mailbox, cursor, marksCurrent: true });
  if (challenge.type !== "challenge") throw new MailboxError("protocol-error");
  if (challenge.host !== host) throw new MailboxError("host-mismatch", { cause: `dialled as ${host}` });
  await line.askHere({ type: "prove", mailbox, signature: await sign(challenge) });
}
