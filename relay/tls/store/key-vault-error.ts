import { StoreError } from "./ports.ts";

/** What an error may show: the SDK's own text may name callers, and the error holds the request. */
type Answer = {
  /** Of HTTP; undefined where no answer came. */
  readonly status: number | undefined;
  /** The vault's words for it, such as `Forbidden`, or the system's, such as `ENOTFOUND`; "" where there is none. */
  readonly code: string;
  /** The vault's more precise word, such as `ForbiddenByRbac`, or the same again. */
  readonly innerCode: string;
  /** The class of the error. */
  readonly name: string;
};

/**
 * Tells operators what went wrong with a call of the Azure SDK.
 * The original error is not kept as the cause, on purpose: it holds the request, with the secret and the token in it.
 */
export function toStoreError(description: string, what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const answer = answerOf(error);
  const isDenied = answer.status === 401 || answer.status === 403 || answer.status === 409;
  return new StoreError(
    isDenied ? "store-denied" : "store-unreachable",
    `${description}: cannot ${what}: ${reasonOf(answer)}`,
  );
}

/** Whether the vault has no such secret. A 404 of something else is a failure: taken for an empty vault, it would cost an order. */
export function isNotFound(error: unknown): boolean {
  const { status, code } = answerOf(error);
  return status === 404 && code === "SecretNotFound";
}

function reasonOf({ status, code, innerCode, name }: Answer): string {
  switch (status) {
    case 401:
      return "the vault does not accept the identity (401). Is it of the vault's tenant?";
    case 403:
      return `${refusalOf(innerCode)} (403 ${innerCode})`;
    case 409:
      return `the secret was deleted, or is being changed (409 ${innerCode}). Recover or purge a deleted one`;
    case 429:
      return "the vault throttles requests (429)";
    case undefined:
      return code === "" ? silenceOf(name) : code;
    default:
      return `the vault answered ${status} ${innerCode}`.trim();
  }
}

function refusalOf(innerCode: string): string {
  if (innerCode === "ForbiddenByFirewall") return "the vault's firewall does not let the relay in";
  if (innerCode === "SecretDisabled") return "the secret is disabled. Enable its latest version";
  return "the identity may not. It needs the role Key Vault Secrets Officer, and a new role may take minutes to work";
}

function silenceOf(name: string): string {
  return /^(CredentialUnavailable|Authentication)/.test(name)
    ? "no token for the managed identity. Is it assigned to this container, and is the client id right?"
    : "what answers there is not a vault. Is its URL right?";
}

function answerOf(error: unknown): Answer {
  const status = member(error, "statusCode");
  const inBody = member(member(error, "details"), "error");
  const code = wordOf(member(inBody, "code")) || wordOf(member(error, "code"));
  return {
    status: typeof status === "number" ? status : undefined,
    code,
    innerCode: wordOf(member(member(inBody, "innerError"), "code")) || code,
    name: wordOf(member(error, "name")),
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** A single word, as codes are; "" for everything else. It comes from outside and goes to a log. */
function wordOf(value: unknown): string {
  return typeof value === "string" && /^\w{1,60}$/.test(value) ? value : "";
}
