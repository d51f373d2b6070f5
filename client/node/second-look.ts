import { type ConnectionOptions, connect, createSecureContext } from "node:tls";
import { StageTimeout } from "./deadline.ts";
import { opened } from "./opening.ts";

/** What a second connection has shown. */
export type Seen = {
  /** Whose certificate is shown there, though it is not trusted. */
  readonly certificate?: { readonly issuer: string | undefined; readonly from: string; readonly until: string };
  /** Small packets get through in both directions, and large ones do not. */
  readonly isNarrow?: boolean;
};

/** Looks at who answers, on another connection. Nothing is sent but a hello. @param options with the socket to speak on. */
export type SecondLook = (options: ConnectionOptions, signal: AbortSignal) => Promise<Seen>;

const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);
/** Nobody speaks it: who is asked for it answers with an alert, which is a small packet (RFC 7301 section 3.2). */
const NO_PROTOCOL = "postern-path-probe";
const MAX_NAME_CHARACTERS = 64;

/** What would tell more about a failure of TLS; undefined where nothing would. */
export function secondLook(error: unknown): SecondLook | undefined {
  if (error instanceof StageTimeout && error.stage === "tls") return probePath;
  const isUntrusted = error instanceof Error && "code" in error && UNTRUSTED.has(String(error.code));
  return isUntrusted ? seeCertificate : undefined;
}

/** The common name of a certificate's owner or issuer, or its organisation. */
function nameOf(subject: { readonly CN?: unknown; readonly O?: unknown } | undefined): string | undefined {
  const name = [subject?.CN, subject?.O].flat().find((part) => typeof part === "string" && part !== "");
  return typeof name === "string" ? name.slice(0, MAX_NAME_CHARACTERS) : undefined;
}

/** It trusts anybody, because it says nothing to anybody: the connection is closed as soon as the certificate is there. */
async function seeCertificate(options: ConnectionOptions, signal: AbortSignal): Promise<Seen> {
  const socket = await opened(connect({ ...options, rejectUnauthorized: false }), "secureConnect", signal);
  const { issuer, valid_from: from, valid_to: until } = socket.getPeerCertificate();
  socket.destroy();
  return { certificate: { issuer: nameOf(issuer), from, until } };
}

/** The answer to a proper hello is a certificate, in large packets; the answer to this one is an alert. */
async function probePath(options: ConnectionOptions, signal: AbortSignal): Promise<Seen> {
  const secureContext = createSecureContext({ ecdhCurve: "X25519" });
  try {
    const socket = connect({ ...options, secureContext, ALPNProtocols: [NO_PROTOCOL] });
    (await opened(socket, "secureConnect", signal)).destroy();
    return {};
  } catch (error) {
    return { isNarrow: error instanceof Error && /alert number 120|no application protocol/i.test(error.message) };
  }
}
