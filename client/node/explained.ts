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

/** A failure of `ws`, in plain words, with what Node says as its cause. @param hostname that was dialled. */
export function explained(error: unknown, hostname: string): Error {
  // Several addresses were tried: the first failure stands for all.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  if (!(first instanceof Error)) return new Error(String(first), { cause: error });
  const code = "code" in first && typeof first.code === "string" ? first.code : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return mismatch(first, hostname, code);
  const known = code === "EPROTO" ? /wrong version number|packet length too long/.test(first.message) : false;
  const meaning = known ? meanings["ERR_SSL_WRONG_VERSION_NUMBER"] : meanings[code];
  return new Error(meaning === undefined ? first.message : `${meaning} (${code})`, { cause: error });
}

function mismatch(error: Error, hostname: string, code: string): Error {
  const names = "cert" in error ? namesOf(error.cert) : "another name";
  return new Error(`the certificate is for ${names}, not for ${hostname} (${code})`, { cause: error });
}

/** As many as help: a certificate may have hundreds. */
function namesOf(certificate: unknown): string {
  const isObject = typeof certificate === "object" && certificate !== null;
  const text = isObject && "subjectaltname" in certificate ? certificate.subjectaltname : undefined;
  if (typeof text !== "string") return "another name";
  const names = text.split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}
