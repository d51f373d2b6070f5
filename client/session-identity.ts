import type { Sid } from "./delivery/ports.ts";
import type { Cryptography } from "./sealing/cryptography.ts";
import type { TopicKeys } from "./sealing/derivation.ts";
import type { Seals } from "./sealing/seals.ts";
import type { StreamSecrets } from "./stream-host.ts";

/** Who a member proves to be: `identityOf` of `postern-client/identity` makes it, and `join` takes it. */
export interface Identity {
  /** Begins a session in a topic with a secret. @throws TopicError `identity-unsupported` */
  begin(cryptography: Cryptography, keys: TopicKeys): Promise<SessionIdentity>;
}

/** The identity of one session: what a topic needs of it. */
export interface SessionIdentity {
  readonly sid: Sid;
  readonly publicKey: string;
  /** What a member shows of itself is signed, which takes some of its room. */
  readonly maxPresenceBytes: number;
  readonly seals: Seals;
  readonly streamSecrets: StreamSecrets;
  /** Of a session that has proved it, until that is gone. */
  publicKeyOf(sid: Sid): string | undefined;
}
