import type { ErrorTexts, ProxyErrorCode } from "../../errors.ts";
import type { Refusal } from "../../line/socket.ts";

/** The codes about proxies, as `errorTexts` has the others. @see docs/client.md#errors */
export const proxyErrorTexts: Readonly<Record<ProxyErrorCode, ErrorTexts>> = {
  "proxy-invalid": ["The proxy cannot be used", "See the cause."],
  "proxy-unreachable": ["The proxy cannot be reached", "See the cause; check the network."],
  "proxy-auth-required": ["The proxy refuses this user", "See the cause."],
  "proxy-refused": ["The proxy refuses this client", "See the cause."],
};

/** What is known of a proxy that failed. */
export type ProxyFailure = {
  /** Its URL without user and password. */
  readonly proxy?: string | undefined;
  readonly status?: number | undefined;
  /** The first words of the page with which it refuses: a stranger's text, with neither user nor password in it. */
  readonly page?: string | undefined;
  /** What it offers, where it wants its user to sign in. */
  readonly schemes?: readonly string[] | undefined;
  /** It may be better by itself; left out: only a person can change it. */
  readonly passes?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
};

/** There is no way to the relay because of a proxy, or of how it is set. The sentence names no user and no password. */
export class ProxyError extends Error implements Refusal {
  override readonly name = "ProxyError";
  readonly code: ProxyErrorCode;
  /** Of the code: what a ConnectError says that is made of this. */
  readonly texts: ErrorTexts;
  readonly proxy: string | undefined;
  readonly status: number | undefined;
  readonly page: string | undefined;
  readonly schemes: readonly string[];
  readonly passes: boolean;
  readonly retryAfterMs: number;

  constructor(code: ProxyErrorCode, text: string, failure: ProxyFailure = {}) {
    super(text, { cause: failure.cause });
    this.code = code;
    this.texts = proxyErrorTexts[code];
    this.proxy = failure.proxy;
    this.status = failure.status;
    this.page = failure.page;
    this.schemes = failure.schemes ?? [];
    this.passes = failure.passes ?? false;
    this.retryAfterMs = failure.retryAfterMs ?? 0;
  }
}
