import type { Attested } from "./attestation.ts";
import { vendorOf } from "./vendors.ts";

/** How the relay's key came to be known. */
type KeySource = "relay-key" | "earlier-visit" | "dns";

/** The keys by which a relay may be known; one of them is enough. */
export type KnownKeys = { readonly source: KeySource; readonly keys: readonly string[] };

/** What a connection has shown, and what is known. */
export type Evidence = {
  /** Of the certificate that was shown. */
  readonly issuer: string | undefined;
  readonly fingerprint256: string;
  /** The certificate is one that the app has pinned. */
  readonly isPinned: boolean;
  /** What the relay says, where it says something that holds. */
  readonly attested: Attested | undefined;
  /** Undefined: the relay's key is not known. */
  readonly known: KnownKeys | undefined;
};

/** Whether somebody intercepts TLS, and how that is known. */
export type Interception =
  | { readonly intercepted: "no"; readonly provedBy: "fingerprint" | KeySource }
  /** @property sign the relay's word for another certificate; or whose product has issued this one. */
  | { readonly intercepted: "yes"; readonly sign: "other-certificate" | "vendor"; readonly vendor: string | undefined }
  /**
   * @property because the relay has said nothing that holds; or its key is not known; or it is another than the known one:
   *   a new one, or that of somebody in between.
   */
  | { readonly intercepted: "unknown"; readonly because: "no-attestation" | "unknown-key" | "other-key" };

/**
 * Judges what is known. That the relay names another certificate than the one that was shown counts whether its key is known
 * or not: who stands in between would gain nothing by making it up. That it names the same one counts only with a known key.
 */
export function interceptionOf({ issuer, fingerprint256, isPinned, attested, known }: Evidence): Interception {
  if (isPinned) return { intercepted: "no", provedBy: "fingerprint" };
  const vendor = vendorOf(issuer ?? "");
  if (attested !== undefined && !attested.fingerprints.includes(fingerprint256)) {
    return { intercepted: "yes", sign: "other-certificate", vendor };
  }
  const isKnown = attested !== undefined && known?.keys.includes(attested.publicKey) === true;
  if (isKnown && known !== undefined) return { intercepted: "no", provedBy: known.source };
  if (vendor !== undefined) return { intercepted: "yes", sign: "vendor", vendor };
  if (attested === undefined) return { intercepted: "unknown", because: "no-attestation" };
  return { intercepted: "unknown", because: known === undefined ? "unknown-key" : "other-key" };
}
