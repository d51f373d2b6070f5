import type { Sid } from "../delivery/ports.ts";
import type { Cryptography } from "./cryptography.ts";
import type { TopicKeys } from "./derivation.ts";
import { ConnectionKeys } from "./frame-seal.ts";
import { PresenceSeal } from "./presence-seal.ts";

/** Makes what seals and opens in one topic, for each connection of this end and of others. */
export interface Seals {
  /** @param settled resolves when all that has come so far was opened and used. */
  keysOf(name: string, settled: () => Promise<void>): ConnectionKeys;
  /** @param keys of the same connection. */
  presenceSealOf(keys: ConnectionKeys): PresenceSeal;
  /** Nothing of this session is expected any more. */
  gone(sid: Sid): void;
}

/** By the topic's secret alone: who has it is heard. */
export class GroupSeals implements Seals {
  readonly #cryptography: Cryptography;
  readonly #keys: TopicKeys;

  constructor(cryptography: Cryptography, keys: TopicKeys) {
    this.#cryptography = cryptography;
    this.#keys = keys;
  }

  keysOf(name: string): ConnectionKeys {
    return new ConnectionKeys(this.#cryptography, this.#keys.group, name);
  }

  presenceSealOf({ name }: ConnectionKeys): PresenceSeal {
    return new PresenceSeal(this.#cryptography, this.#keys.presence, name);
  }

  gone(): void {
    // Keys are of connections, and go with them.
  }
}
