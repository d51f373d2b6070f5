import { createSecureContext, type SecureContext } from "node:tls";
import { addressBytes } from "./address.ts";
import type { TlsMaterial } from "./material.ts";

/** The protocol by which a CA asks for a challenge certificate (RFC 8737 section 3). */
export const ACME_PROTOCOL = "acme-tls/1";

/** The challenge certificates that wait for the CA, by the server name under which it will ask. */
export class AlpnChallenges {
  readonly #contexts = new Map<string, SecureContext>();
  #answerCount = 0;

  /** How many handshakes of a CA were answered. */
  get answerCount(): number {
    return this.#answerCount;
  }

  /**
   * From now on the CA gets this certificate when it asks for the name.
   * @param name a DNS name or an address, as it was ordered.
   */
  add(name: string, { key, certificate }: Pick<TlsMaterial, "key" | "certificate">): void {
    this.#contexts.set(serverNameOf(name), createSecureContext({ key, cert: certificate }));
  }

  /** The name is no longer waited for. */
  remove(name: string): void {
    this.#contexts.delete(serverNameOf(name));
  }

  /** The certificate for a handshake that offers `acme-tls/1`; undefined refuses it. Each one given is counted. */
  contextFor(servername: string): SecureContext | undefined {
    const context = this.#contexts.get(servername.toLowerCase());
    if (context !== undefined) this.#answerCount += 1;
    return context;
  }
}

/**
 * The name that a CA sends in the handshake. RFC 8738 section 6: an address is sent as its name in the reverse DNS, because
 * server name indication has no form for addresses.
 */
export function serverNameOf(name: string): string {
  const bytes = addressBytes(name);
  if (bytes === undefined) return name.toLowerCase();
  if (bytes.length === 4) return `${[...bytes].toReversed().join(".")}.in-addr.arpa`;
  return `${Array.from(bytes.toString("hex")).toReversed().join(".")}.ip6.arpa`;
}
