import { PosternError, type PosternErrorCode } from "../errors.ts";

/** How deep errors may lie in each other. */
const MAX_CAUSES = 8;

const UNKNOWN_AUTHORITY =
  "Its certificate is of an authority that this machine does not know: name it with --ca-file. Perhaps a proxy intercepts TLS.";

/** Of certificates, by Node's code: another attempt would end the same. */
const CERTIFICATE_ADVICE: Readonly<Record<string, string>> = {
  CERTIFICATE_MISMATCH:
    "Somebody may be in between, or the relay has a new certificate: compare with what the relay prints now.",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "The relay has signed its certificate itself: trust it with --fingerprint, which the relay prints.",
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for another name: dial a name that is in it.",
  CERT_HAS_EXPIRED: "Its certificate has expired, or the clock of this machine is wrong.",
  CERT_NOT_YET_VALID: "Its certificate is not valid yet, or the clock of this machine is wrong.",
};

/** Of the way there: it may be better in a while. */
const NETWORK_ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there: is the relay running, and is the port right?",
  ENOTFOUND: "There is no such name: check the address.",
  EAI_AGAIN: "The name cannot be looked up: is this machine on a network?",
  EPROTO: "It does not speak TLS there: perhaps the address begins with ws://.",
  ERR_SSL_WRONG_VERSION_NUMBER: "It does not speak TLS there: perhaps the address begins with ws://.",
};

const CODE_ADVICE: Partial<Record<PosternErrorCode, string>> = {
  "proxy-invalid": "Correct it: --proxy, HTTPS_PROXY, or the system's settings. --proxy none goes without.",
  "proxy-unreachable": "Is the proxy's address right, and is this machine in its network? --proxy none goes without.",
  "proxy-auth-required": "Put user and password into the proxy's URL: http://user:password@host:port.",
  "proxy-refused":
    "It is the proxy that says no, not the relay: ask whoever runs it to allow the relay's name and port.",
  unauthorized: "Give it a token that it accepts: --token-file, or the variable POSTERN_TOKEN.",
  "plain-topic": "Leave out --plain.",
};

/** What to do about a failure, in a sentence for whoever typed the command. */
export function adviceFor(error: unknown): string | undefined {
  // Whatever failed beneath it, it was the proxy's and not the relay's.
  if (error instanceof PosternError && error.code.startsWith("proxy-")) return CODE_ADVICE[error.code];
  for (const code of codesOf(error)) {
    const advice = CERTIFICATE_ADVICE[code] ?? NETWORK_ADVICE[code];
    if (advice !== undefined) return advice;
  }
  return error instanceof PosternError ? (CODE_ADVICE[error.code] ?? error.remedy) : undefined;
}

/** Whether only a person can mend it, so that dialling again is in vain: a certificate that is not trusted. */
export function isCertificateFailure(error: unknown): boolean {
  return codesOf(error).some((code) => Object.hasOwn(CERTIFICATE_ADVICE, code));
}

/** The system's codes of an error and of what has caused it, the outermost first. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let current = error;
  for (let depth = 0; current instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const { code } = current as NodeJS.ErrnoException;
    if (typeof code === "string") codes.push(code);
    current = current.cause;
  }
  return codes;
}
