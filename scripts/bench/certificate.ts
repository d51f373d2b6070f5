import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate for `localhost` and the files it is in. */
export type Certificate = { readonly keyPath: string; readonly certificatePath: string; readonly pem: string };

/** Makes an ECDSA P-256 certificate with openssl, good for a day. */
export function createCertificate(directory: string): Certificate {
  const keyPath = join(directory, "key.pem");
  const certificatePath = join(directory, "certificate.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyPath];
  execFileSync("openssl", ["req", "-x509", ...key, "-out", certificatePath, "-days", "1", ...subject], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return { keyPath, certificatePath, pem: readFileSync(certificatePath, "utf8") };
}
