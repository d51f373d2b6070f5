import type { ClientRequest } from "node:http";
import { TLSSocket } from "node:tls";

/** The certificate is not the one that is trusted. */
class CertificateMismatch extends Error {
  override readonly name = "CertificateMismatch";
  readonly code = "CERTIFICATE_MISMATCH";

  /** @param seen its fingerprint. */
  constructor(seen: string) {
    super(`the relay shows another certificate than the pinned one: ${seen}`);
  }
}

/** Sends a request, or, where a fingerprint is pinned, not before the certificate is that one. */
export function sendWhenTrusted(
  request: ClientRequest,
  fingerprint: string | undefined,
  refuse: (cause: Error) => void,
  body?: Uint8Array,
): void {
  if (fingerprint === undefined) {
    request.end(body);
    return;
  }
  request.once("socket", (stream) => {
    if (!(stream instanceof TLSSocket)) {
      refuse(new Error("a fingerprint is pinned, and this address has no TLS"));
      return;
    }
    const judge = (): void => {
      const seen = stream.getPeerCertificate().fingerprint256;
      if (seen === fingerprint) request.end(body);
      else refuse(new CertificateMismatch(seen));
    };
    // One of an agent may be through its handshake already.
    if (stream.getProtocol() === null || stream.connecting) stream.once("secureConnect", judge);
    else judge();
  });
}
