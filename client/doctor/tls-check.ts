import type { PeerCertificate } from "node:tls";
import { issuerOf } from "../node/issuer.ts";
import { ProxyError } from "../node/proxies/proxy-error.ts";
import { type Finding, failed, hindered, ok } from "./common/finding.ts";
import { isRelay } from "./common/http-answer.ts";
import { stopwatch } from "./common/patience.ts";
import { askPlainly } from "./http-question.ts";
import type { SeenCertificate } from "./interception-check.ts";
import type { Patient, Way } from "./scene.ts";
import { dialTls, faultOf, helloBytes, isOfPublicAuthority, type TlsOutcome, type TlsWish } from "./tls-dial.ts";

const TIME_MS = 5000;
/** The second dials ask what a first one, that heard nothing, means. */
const SECOND_TIME_MS = 4000;
/** RFC 7301 section 3.2: the alert of a server that speaks no such protocol. */
const NO_SUCH_PROTOCOL = /no.?application.?protocol|alert number 120/i;

/** A secured way to the relay, and what was found on the way. */
export type TlsFound = {
  readonly findings: readonly Finding[];
  readonly way?: Way | undefined;
  readonly seen?: SeenCertificate | undefined;
};

/** Speaks TLS with whatever answers, and judges its certificate. Nothing is sent to one that is not trusted, but a question for `/`. */
export async function checkTls(patient: Patient, way: Way): Promise<TlsFound> {
  const tookMs = stopwatch(patient.clock);
  const outcome = await dialTls(patient, way, { timeMs: TIME_MS });
  if (outcome.kind === "silent") return explainSilence(patient, way);
  if (outcome.kind !== "secured") return { findings: [refused(outcome)] };
  const flight = ok("first flight", `a ClientHello of ${await helloBytes(patient, false)} bytes is answered`);
  return judged(patient, way, { ...outcome, tookMs: tookMs(), flight, hasSmallHello: false });
}

/** TLS that is there. @property flight what its hello has shown. */
type Handshake = Secured & { readonly tookMs: number; readonly flight: Finding; readonly hasSmallHello: boolean };
type Secured = Extract<TlsOutcome, { kind: "secured" }>;

async function judged(patient: Patient, way: Way, handshake: Handshake): Promise<TlsFound> {
  const { socket, certificate, tookMs, flight, hasSmallHello } = handshake;
  const fault = faultOf(patient, socket, certificate);
  if (fault !== undefined) return { findings: [await untrusted(patient, handshake, fault), flight] };
  const until = certificate.valid_to;
  const text = `${socket.getProtocol()} in ${tookMs} ms; certificate by ${issuerText(certificate)}, until ${until}`;
  socket.destroy();
  const wish = { timeMs: TIME_MS, hasSmallHello };
  return {
    findings: [ok("tls", text, { tookMs, validUntilMs: Date.parse(until) }), flight],
    way: () => secured(patient, way, wish),
    seen: {
      issuer: issuerOf(certificate),
      fingerprint256: certificate.fingerprint256,
      isPublic: isOfPublicAuthority(certificate),
    },
  };
}

async function secured(patient: Patient, way: Way, wish: TlsWish): Promise<Awaited<ReturnType<Way>>> {
  const outcome = await dialTls(patient, way, wish);
  if (outcome.kind === "secured" && faultOf(patient, outcome.socket, outcome.certificate) === undefined) {
    return outcome.socket;
  }
  if (outcome.kind === "unreached") throw outcome.error;
  throw new Error(outcome.kind === "failed" ? outcome.message : "TLS does not work any more");
}

/** Nothing came behind the hello: it may be too large, or the answer, or nobody speaks TLS. */
async function explainSilence(patient: Patient, way: Way): Promise<TlsFound> {
  const usual = await helloBytes(patient, false);
  const silence = `no answer to a ClientHello of ${usual} bytes in ${TIME_MS} ms`;
  const wish = { timeMs: SECOND_TIME_MS, hasSmallHello: true };
  const tookMs = stopwatch(patient.clock);
  const [small, question] = await Promise.all([
    dialTls(patient, way, wish),
    // Its answer is small: an alert.
    dialTls(patient, way, { ...wish, alpn: "postern-doctor" }),
  ]);
  const smaller = `one of ${await helloBytes(patient, true)} bytes`;
  if (small.kind === "secured") {
    const flight = hindered("first flight", "hello-too-large", `${silence}; ${smaller} is answered`);
    return judged(patient, way, { ...small, tookMs: tookMs(), flight, hasSmallHello: true });
  }
  const hasAnswered =
    question.kind === "secured" || (question.kind === "failed" && NO_SUCH_PROTOCOL.test(question.message));
  if (!hasAnswered) return { findings: [failed("tls", "tls-silent", `${silence}, nor to ${smaller}`)] };
  const text = `${silence}; ${smaller} gets a short answer, and no long one`;
  return { findings: [failed("tls", "large-packets-lost", text)] };
}

function refused(outcome: Extract<TlsOutcome, { kind: "failed" | "unreached" }>): Finding {
  if (outcome.kind === "unreached") {
    const { error } = outcome;
    const cause = error instanceof ProxyError ? error.code : "connection-cut";
    return failed("tls", cause, `a second connection fails: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { code, message } = outcome;
  if (/wrong version number|packet length too long|http request/i.test(message)) {
    return failed("tls", "no-tls", `what answers speaks no TLS (${code})`);
  }
  const alert = /alert(?: number)? ?(\d+)?/i.exec(message);
  if (alert !== null && code !== "ECONNRESET") return failed("tls", "tls-refused", `TLS is refused (${code})`);
  return failed("tls", "hello-cut", `cut before an answer to the ClientHello (${code || message})`);
}

/** Whether it is the relay behind somebody who intercepts TLS, or a page in its place, is told by what it answers. */
async function untrusted(patient: Patient, { socket, certificate }: Secured, fault: string): Promise<Finding> {
  const text = `certificate for ${namesOf(certificate)} by ${issuerText(certificate)} (${fault})`;
  switch (fault) {
    case "CERTIFICATE_MISMATCH":
      return failed("tls", "certificate-not-pinned", `${text}, SHA-256 ${certificate.fingerprint256}`);
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return failed("tls", "certificate-other-name", text);
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return failed("tls", "certificate-dates", `${text}, from ${certificate.valid_from} to ${certificate.valid_to}`);
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return failed("tls", "certificate-self-signed", `${text}, SHA-256 ${certificate.fingerprint256}`);
  }
  const answer = await askPlainly(patient, socket);
  if (answer !== undefined && !isRelay(answer)) {
    return failed("tls", "page-instead", `${text}; it answers HTTP ${answer.status}, and is no relay`);
  }
  return failed("tls", "certificate-untrusted", text);
}

/** Who has issued it, for people. */
function issuerText(certificate: PeerCertificate): string {
  return issuerOf(certificate) ?? "nobody";
}

function namesOf({ subject, subjectaltname }: PeerCertificate): string {
  const names = (subjectaltname ?? "").split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
  const known = names.filter((name) => name !== "");
  if (known.length === 0) return [subject.CN].flat().join(", ");
  return known.length > 3 ? `${known.slice(0, 3).join(", ")} and ${known.length - 3} more` : known.join(", ");
}
