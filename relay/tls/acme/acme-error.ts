import { isJsonObject, type JsonObject, stringOr } from "../../json.ts";
import type { CertificateErrorCode } from "../source.ts";

const PROBLEM_PREFIX = "urn:ietf:params:acme:error:";
const MAX_DETAIL_LENGTH = 400;

/** Why an attempt to get a certificate failed, in a form that may be logged: no keys, no tokens. */
export class AcmeError extends Error {
  readonly code: CertificateErrorCode;
  /** How long the CA asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: CertificateErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.name = "AcmeError";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What a CA says of an error (RFC 8555 section 6.7, RFC 7807). */
export type Problem = {
  /** Without the prefix of ACME: `rateLimited`, `unauthorized`. Empty where there is none. */
  readonly type: string;
  /** One line, shortened. */
  readonly detail: string;
};

/** Reads a problem document, or the `error` member of a challenge or an order. Takes anything. */
export function readProblem(value: unknown): Problem {
  const problem: JsonObject = isJsonObject(value) ? value : {};
  const type = stringOr(problem["type"]) ?? "";
  const parts = Array.isArray(problem["subproblems"])
    ? problem["subproblems"].map((part) => readProblem(part).detail)
    : [];
  const detail = [stringOr(problem["detail"]) ?? "", ...parts].filter((part) => part !== "").join("; ");
  return {
    type: type.startsWith(PROBLEM_PREFIX) ? type.slice(PROBLEM_PREFIX.length) : type,
    detail: oneLine(detail),
  };
}

/**
 * Text from outside: control characters could forge a line of a log that people read. CAs quote tokens and key
 * authorizations (RFC 8555 section 8.1: base64url) and digests; names, which are lower case, stay.
 */
function oneLine(text: string): string {
  const line = text
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(/[\w-]{22,}/g, (run) => (/[A-Z_]|^[0-9a-f]{40,}$/.test(run) ? "[hidden]" : run))
    .trim();
  return line.length > MAX_DETAIL_LENGTH ? `${line.slice(0, MAX_DETAIL_LENGTH)}...` : line;
}

/** A refusal by the CA, as it came over HTTP. */
export class ProblemError extends Error {
  readonly status: number;
  readonly problem: Problem;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: Problem, retryAfterMs: number | undefined) {
    super(`${problem.type === "" ? `HTTP ${status}` : problem.type}: ${problem.detail}`);
    this.name = "ProblemError";
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The CA could not be reached, or the connection did not hold. */
export class UnreachableError extends Error {
  /** Node's, as `ECONNREFUSED` or `CERT_HAS_EXPIRED`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UnreachableError";
    this.code = code;
  }
}

/** OpenSSL's names for a certificate that is good at another time. */
const WRONG_TIME = new Set(["CERT_NOT_YET_VALID", "CERT_HAS_EXPIRED"]);

/** Whatever went wrong while talking to a CA, as an AcmeError. */
export function toAcmeError(error: unknown): AcmeError {
  if (error instanceof AcmeError) return error;
  if (error instanceof ProblemError) return refusal(error);
  if (error instanceof UnreachableError) {
    if (!WRONG_TIME.has(error.code)) return new AcmeError("ca-unreachable", error.message, { cause: error });
    const message = `The CA's own certificate is not valid at this machine's time (${error.code}): check the clock.`;
    return new AcmeError("clock-wrong", message, { cause: error });
  }
  // acme-client's own: an answer that lacks what RFC 8555 demands.
  const message = error instanceof Error ? oneLine(error.message) : "unknown error";
  return new AcmeError("ca-refused", `The CA's answer made no sense: ${message}`, { cause: error });
}

function refusal(error: ProblemError): AcmeError {
  const { problem, retryAfterMs } = error;
  const options = { cause: error, retryAfterMs };
  if (problem.type === "rateLimited" || error.status === 429)
    return new AcmeError("rate-limited", error.message, options);
  if (error.status >= 500) return new AcmeError("ca-unreachable", `The CA is in trouble: ${error.message}`, options);
  return new AcmeError("ca-refused", `The CA refused: ${error.message}`, options);
}
