import type { Sid } from "../delivery/ports.ts";
import type { Cryptography } from "../sealing/cryptography.ts";
import type { TopicKeys } from "../sealing/derivation.ts";
import type { Identity, SessionIdentity } from "../session-identity.ts";
import { Acquaintances, type OwnSession } from "./acquaintances.ts";
import { Admission, type AdmissionOptions } from "./admission.ts";
import { newAgreementKey } from "./curves.ts";
import { introduce, sidOf } from "./introduction.ts";
import { type KeyPair, publicKeyBytes } from "./key-pair.ts";
import { PairedKeys } from "./paired-keys.ts";
import { MAX_SIGNED_PRESENCE_BYTES, SignedPresenceSeal } from "./signed-presence.ts";
import { SecretsOfStreams } from "./stream-secrets.ts";

/**
 * Whom a member proves to be, and whom it wants to see: for `relay.join(topic, { identity })`, `accept` and `connectTo`. May be used
 * for any number of topics.
 * @throws TopicError `key-invalid` where a list has what is no public key
 */
export function identityOf(keys: KeyPair, options: AdmissionOptions = {}): Identity {
  return new MemberIdentity(keys, new Admission(options));
}

/** A key pair, and who is shown to it. */
export class MemberIdentity implements Identity {
  readonly publicKey: string;
  readonly #keys: KeyPair;
  readonly #admission: Admission;

  /** @throws TopicError `key-invalid` */
  constructor(keys: KeyPair, admission: Admission) {
    publicKeyBytes(keys.publicKey);
    this.publicKey = keys.publicKey;
    this.#keys = keys;
    this.#admission = admission;
  }

  /** The same, which sees this key alone; or everybody whom it saw before that has an identity. */
  narrowed(publicKey?: string): MemberIdentity {
    const admission = publicKey === undefined ? this.#admission.identified() : this.#admission.only(publicKey);
    return new MemberIdentity(this.#keys, admission);
  }

  async begin(cryptography: Cryptography, keys: TopicKeys): Promise<SessionIdentity> {
    const { privateKey } = this.#keys;
    const { topicId } = keys;
    const sessionKey = await newAgreementKey();
    const bound = { topicId, publicKey: publicKeyBytes(this.publicKey), sessionKey: sessionKey.publicKey };
    const sid = await sidOf(cryptography, bound);
    const own: OwnSession = { topicId, sid, sessionKey, introduction: await introduce(privateKey, sid, bound) };
    const acquaintances = new Acquaintances(cryptography, keys.group, own, this.#admission);
    return sessionOf(acquaintances, { keys, publicKey: this.publicKey, privateKey });
  }
}

type Parts = Pick<KeyPair, "publicKey" | "privateKey"> & { readonly keys: TopicKeys };

function sessionOf(acquaintances: Acquaintances, { keys, publicKey, privateKey }: Parts): SessionIdentity {
  const streams = new SecretsOfStreams(acquaintances);
  const parts = { acquaintances, streams };
  return {
    sid: acquaintances.own.sid,
    publicKey,
    maxPresenceBytes: MAX_SIGNED_PRESENCE_BYTES,
    streamSecrets: streams,
    publicKeyOf: (sid: Sid) => acquaintances.get(sid)?.publicKey,
    seals: {
      keysOf: (name, settled) => new PairedKeys(parts, keys.group, name, settled),
      presenceSealOf: (of) => {
        if (!(of instanceof PairedKeys)) throw new TypeError("keys of another passage");
        return new SignedPresenceSeal(acquaintances, keys.presence, of, privateKey);
      },
      gone: (sid) => acquaintances.forget(sid),
    },
  };
}
