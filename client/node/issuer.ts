import type { PeerCertificate } from "node:tls";

/** A certificate may call its issuer anything. */
const MAX_NAMES_CHARACTERS = 200;

/** Who has issued a certificate, by its organization and its name: `Example Corp, Example Corp Root`. @returns undefined: it has neither */
export function issuerOf({ issuer }: Pick<PeerCertificate, "issuer">): string | undefined {
  const names = [issuer.O, issuer.CN].flat().filter((part) => part !== undefined && part !== "");
  return names.length === 0 ? undefined : [...new Set(names)].join(", ").slice(0, MAX_NAMES_CHARACTERS);
}
