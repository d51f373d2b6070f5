import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../support/certificate-files.ts";

/** Files of a key and its certificate, PEM; `both` has the two in one, as HAProxy and mitmproxy want them. */
export type KeyFiles = { readonly key: string; readonly certificate: string; readonly both: string };

const RSA = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];

/** An authority that signs certificates: a public one, or that of a company. */
export class Authority {
  readonly files: KeyFiles;
  readonly #folder: string = makeFolder();

  /** @param name as it stands in the certificates that it signs. */
  constructor(name: string) {
    this.files = this.#make("root", ["-subj", `/O=${name}/CN=${name} Root`]);
  }

  /** A certificate for these names; the first one is its common name. */
  issue(...names: readonly [string, ...string[]]): KeyFiles {
    const altNames = names.map((name) => `DNS:${name}`).join(",");
    const signed = ["-CA", this.files.certificate, "-CAkey", this.files.key];
    const leaf = ["-addext", `subjectAltName=${altNames}`, "-addext", "basicConstraints=critical,CA:FALSE"];
    return this.#make(names[0], ["-subj", `/CN=${names[0]}`, ...signed, ...leaf]);
  }

  /** A certificate for these names that signs itself. */
  static selfSigned(name: string): KeyFiles {
    return new Authority(name).files;
  }

  #make(name: string, words: readonly string[]): KeyFiles {
    const path = (end: string): string => join(this.#folder, `${name}.${end}`);
    const files = { key: path("key"), certificate: path("crt"), both: path("pem") };
    const out = ["-keyout", files.key, "-out", files.certificate];
    execFileSync("openssl", ["req", "-x509", ...RSA, ...words, ...out], { stdio: ["ignore", "ignore", "pipe"] });
    writeFileSync(files.both, readFileSync(files.certificate, "utf8") + readFileSync(files.key, "utf8"));
    return files;
  }
}
