import type { InterceptionInfo, ShownTls } from "../node/interception-watch.ts";
import { type Finding, ok, warned } from "./common/finding.ts";
import type { Patient } from "./scene.ts";

/** The certificate that was shown, and taken. @property isPublic its authority is one of those that Node brings. */
export type SeenCertificate = ShownTls & { readonly isPublic: boolean };

/** Judges it by what the relay says of its certificates. @param attestation of a `joined`; undefined: it has said nothing */
export function interceptionBy(
  { route, url }: Patient,
  seen: SeenCertificate,
  attestation: string | undefined,
): InterceptionInfo {
  const { issuer, fingerprint256 } = seen;
  route.watch.judge(url.host, { issuer, fingerprint256, attestation });
  return route.watch.infoOf(url.host, { issuer, fingerprint256 });
}

/** Whether somebody intercepts TLS whom this machine trusts; and where that is not known, what would settle it. */
export function interceptionFinding({ tls }: Patient, seen: SeenCertificate, info: InterceptionInfo): Finding {
  const issuer = seen.issuer ?? "nobody";
  switch (info.intercepted) {
    case "no":
      return ok("interception", `none: ${proofs[info.provedBy ?? "fingerprint"]}`);
    case "yes":
      return warned(
        "interception",
        `${info.vendor ?? "a proxy on the way"} intercepts TLS (${issuer}); end-to-end encryption still holds`,
      );
    case "unknown": {
      const isKeyGiven = tls.relayKey !== "dns";
      const settles = isKeyGiven ? OTHER_KEY : ASK_FOR_KEY;
      return seen.isPublic && !isKeyGiven
        ? ok("interception", `none to be seen: the authority is a public one; ${settles}`)
        : warned("interception", `perhaps: ${issuer} is ${seen.isPublic ? PUBLIC : ADDED}; ${settles}`);
    }
  }
}

const proofs: Readonly<Record<NonNullable<InterceptionInfo["provedBy"]>, string>> = {
  fingerprint: "the certificate is the one that is pinned",
  "relay-key": "the relay's own key names this certificate",
  dns: "the relay's own key names this certificate, and the DNS names the key",
  "earlier-visit": "the relay's own key, known from an earlier visit, names this certificate",
};

const ADDED = "an authority that was added to this machine or named to it";
const PUBLIC = "a public authority";
const ASK_FOR_KEY = "to be sure, ask the relay's operator for its key (--relay-key)";
const OTHER_KEY = "the relay does not prove this certificate by the key that is given";
