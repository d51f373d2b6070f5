import { InterceptedError } from "./intercepted-error.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import type { Seen } from "./second-look.ts";

/** What Node's names for a failed connection mean, for people. The name stays in the message. */
const meanings: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host: its name is not in the DNS",
  EAI_AGAIN: "the DNS does not answer",
  ECONNREFUSED: "nothing listens at this address and port",
  ECONNRESET: "the connection was cut, perhaps by a firewall",
  ETIMEDOUT: "nothing answers at this address",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to this network",
  CERT_HAS_EXPIRED: "the certificate has expired; or the clock of this machine is wrong",
  CERT_NOT_YET_VALID: "the certificate is not valid yet; or the clock of this machine is wrong",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed: trust it by its fingerprint",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate ends at an authority that is not trusted, perhaps of a proxy",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the certificate is of an authority that is not trusted, or the server leaves one out",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the certificate is of an authority that is not trusted, or the server leaves one out",
  ERR_SSL_WRONG_VERSION_NUMBER: "what answers there speaks no TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "what answers there speaks no TLS",
  HPE_INVALID_CONSTANT: "what answers there speaks no HTTP",
};

/** What the alerts of TLS mean by which a handshake is refused (RFC 8446 section 6.2). */
const alerts: Readonly<Record<number, string>> = {
  40: "the server finds nothing in common with this client's TLS",
  49: "TLS is refused, as filters do it",
  70: "the server wants another version of TLS",
  80: "the server has failed in the handshake",
  112: "the server does not know this name, or a filter refuses it",
  120: "the server speaks HTTP/2 alone",
};

const LOCAL_ADDRESS = /^(?:0\.0\.0\.0|127\.|::1?$)/;

/** A dial that failed, in plain words. Its cause is what Node says. */
class DialError extends Error {
  override readonly name: string = "DialError";
}

/**
 * A failed dial in plain words, with what Node says as its cause. One that is explained already stays as it is, a ProxyError and an InterceptedError too.
 * @param hostname that was dialled.
 * @param seen what a second look has shown.
 */
export function explained(error: unknown, hostname: string, seen: Seen = {}): Error {
  if (error instanceof DialError || error instanceof ProxyError || error instanceof InterceptedError) return error;
  // Several addresses were tried: the first failure stands for all.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  if (!(first instanceof Error)) return new DialError(String(first), { cause: error });
  return new DialError(`${sentenceOf(first, hostname)}${addition(seen)}`, { cause: error });
}

function sentenceOf(error: Error, hostname: string): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return mismatch(error, hostname, code);
  if (code === "ECONNREFUSED" && isDiverted(error, hostname)) {
    return `its name leads to this machine, where nothing listens: a filter in the DNS does that (${code})`;
  }
  const [, alert] = /alert number (\d+)/.exec(error.message) ?? [];
  const refusal = alerts[Number(alert)];
  if (refusal !== undefined) return `${refusal} (TLS alert ${alert})`;
  const isNoTls = code === "EPROTO" && /wrong version number|packet length too long/.test(error.message);
  const meaning = isNoTls ? meanings["ERR_SSL_WRONG_VERSION_NUMBER"] : meanings[code];
  return meaning === undefined ? error.message : `${meaning} (${code})`;
}

/** A public name that the DNS gives an address of this machine. */
function isDiverted(error: Error, hostname: string): boolean {
  const address = "address" in error && typeof error.address === "string" ? error.address : "";
  return (
    LOCAL_ADDRESS.test(address) && address !== hostname && hostname.includes(".") && !hostname.endsWith(".localhost")
  );
}

function addition({ certificate, isNarrow = false }: Seen): string {
  if (isNarrow)
    return "; small packets get through and large ones do not: the path's MTU is smaller than its ends believe";
  if (certificate === undefined) return "";
  const { issuer = "nobody", from, until } = certificate;
  return `; it is signed by ${issuer}, for the time from ${from} to ${until}`;
}

function mismatch(error: Error, hostname: string, code: string): string {
  const names = "cert" in error ? namesOf(error.cert) : "another name";
  return `the certificate is for ${names}, not for ${hostname} (${code})`;
}

/** As many as help: a certificate may have hundreds. */
function namesOf(certificate: unknown): string {
  const isObject = typeof certificate === "object" && certificate !== null;
  const text = isObject && "subjectaltname" in certificate ? certificate.subjectaltname : undefined;
  if (typeof text !== "string") return "another name";
  const names = text.split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}
