import { chmodSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../../relay/config/options.ts";
import { Authority } from "../network/reach/authority.ts";

/** The program itself: what is in .bin starts it as a child, and ends alone. */
export const BARE: string = resolve(`node_modules/bare-runtime-${process.platform}-${process.arch}/bin/bare`);

/** Whether it is there, and can be run from now on: npm leaves it as a file that is none to run. */
export function hasBare(): boolean {
  try {
    chmodSync(BARE, 0o755);
    return true;
  } catch {
    return false;
  }
}

/** How a relay has a certificate of an authority, which bare-tls wants: it trusts none that signs itself. @returns PEM to trust, too. */
export function authorizedTls(): { readonly ca: string; readonly config: Partial<Config> } {
  const authority = new Authority("Example");
  const { certificate, key } = authority.issue("localhost");
  return {
    ca: readFileSync(authority.files.certificate, "utf8"),
    config: { tls: "files", tlsCertFile: certificate, tlsKeyFile: key },
  };
}
