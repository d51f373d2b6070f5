import { constants, randomBytes } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";

/**
 * TLS 1.3 (RFC 8446 appendix B.4), then of TLS 1.2 (RFC 5246) only what has both forward secrecy and authenticated
 * encryption. AES-128 first: it is as safe here and the cheapest; who has no AES in hardware gets ChaCha20 first.
 */
export const CIPHERS: string = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  // Keys of 112 bits of security at least, such as RSA 2048, whatever the OpenSSL of this Node thinks of less.
  "@SECLEVEL=2",
].join(":");

/** A private key and the chain of its certificate, both in PEM. */
type PemPair = { readonly key: string; readonly certificate: string };

const CURVES = "X25519:P-256:P-384";
/** Safe against a quantum computer that comes later; OpenSSL knows it since 3.5. */
const HYBRID_CURVES = `X25519MLKEM768:${CURVES}`;

/** RFC 5077: the name, the keys for encryption and for authentication, 16 bytes each, as Node takes them. */
const TICKET_KEY_BYTES = 48;

/**
 * The one place that says how the relay speaks TLS. A server needs all of it again with each new certificate: what is
 * left out falls back to the defaults.
 * @param ticketKeys of `createTicketKeys`; the same for the next certificate, as a ticket outlives the one before.
 */
export function postureFor({ key, certificate }: PemPair, ticketKeys: Buffer): SecureContextOptions {
  return {
    key,
    cert: certificate,
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    ecdhCurve: knows(HYBRID_CURVES) ? HYBRID_CURVES : CURVES,
    honorCipherOrder: true,
    // RFC 5746 made renegotiation safe, and RFC 8446 removed it: nothing here needs it, and it is work for the asking.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    ticketKeys,
  };
}

/** Makes the keys that tickets for resumption are encrypted with. */
export function createTicketKeys(): Buffer {
  return randomBytes(TICKET_KEY_BYTES);
}

function knows(ecdhCurve: string): boolean {
  try {
    createSecureContext({ ecdhCurve });
    return true;
  } catch {
    return false;
  }
}
