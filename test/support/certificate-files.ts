import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder of its own for a test, removed when the test ends. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An ECDSA key and a certificate for `localhost` that it signs itself. */
export type Pair = { readonly key: string; readonly certificate: string };

const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const LOCALHOST = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];

/**
 * Has openssl make a pair.
 * @param name the common name, which tells pairs apart; or a whole subject, which begins with `/`.
 */
export function makePair(
  name = "localhost",
  days = 1,
  kind: readonly string[] = P256,
  altNames: readonly string[] = LOCALHOST,
): Pair {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  const [keyPath, certificatePath] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  try {
    const subject = ["-subj", name.startsWith("/") ? name : `/CN=${name}`, ...altNames];
    const files = ["-nodes", "-keyout", keyPath, "-out", certificatePath];
    execFileSync("openssl", ["req", "-x509", ...kind, ...files, "-days", `${days}`, ...subject], { stdio: "ignore" });
    return { key: readFileSync(keyPath, "utf8"), certificate: readFileSync(certificatePath, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A key file and a certificate file in a folder of their own. */
export class CertificateFiles {
  readonly folder: string = makeFolder();
  readonly keyFile: string = join(this.folder, "key.pem");
  readonly certificateFile: string = join(this.folder, "certificate.pem");

  constructor({ key, certificate }: Pair) {
    writeFileSync(this.keyFile, key);
    writeFileSync(this.certificateFile, certificate);
  }

  /** Writes over the files that are there. */
  overwrite({ key, certificate }: Partial<Pair>): void {
    if (key !== undefined) writeFileSync(this.keyFile, key);
    if (certificate !== undefined) writeFileSync(this.certificateFile, certificate);
  }

  /** Puts files in their place, each at one moment. */
  replace({ key, certificate }: Pair): void {
    writeFileSync(`${this.keyFile}.new`, key);
    writeFileSync(`${this.certificateFile}.new`, certificate);
    renameSync(`${this.keyFile}.new`, this.keyFile);
    renameSync(`${this.certificateFile}.new`, this.certificateFile);
  }
}
