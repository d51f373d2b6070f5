import { request } from "node:https";
import type { Say } from "./az.ts";

const POLL_MS = 5000;
const ANSWER_MS = 10_000;

/** How to wait. */
export type WaitOptions = {
  /** Do not check the chain: certificates of an authority's staging, and those that sign themselves. */
  readonly isUntrusted: boolean;
  readonly timeoutMs: number;
  readonly say: Say;
  readonly pollMs?: number;
};

/** Asks `/ready` over TLS until it answers 200, and tells what it says meanwhile, once each. @returns whether it did. */
export async function waitUntilReady(url: URL, options: WaitOptions): Promise<boolean> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let told = "";
  for (;;) {
    const { isReady, what } = await askReady(url, options.isUntrusted);
    if (what !== told) options.say(`/ready: ${what}`);
    told = what;
    if (isReady) return true;
    if (performance.now() > deadlineMs) {
      options.say(`Not ready after ${options.timeoutMs / 1000} s.`);
      return false;
    }
    const leftMs = Math.max(0, deadlineMs - performance.now());
    await new Promise((resolve) => {
      setTimeout(resolve, Math.min(options.pollMs ?? POLL_MS, leftMs + 1));
    });
  }
}

type Answer = { readonly isReady: boolean; readonly what: string };

function askReady(url: URL, isUntrusted: boolean): Promise<Answer> {
  return new Promise((resolve) => {
    const where = { host: url.hostname, port: url.port || 443, path: "/ready", agent: false, timeout: ANSWER_MS };
    const outgoing = request({ ...where, rejectUnauthorized: !isUntrusted }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () => resolve({ isReady: response.statusCode === 200, what: summaryOf(body) }));
      response.on("error", (error) => resolve({ isReady: false, what: error.message }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer in ${ANSWER_MS} ms`)));
    outgoing.on("error", (error: NodeJS.ErrnoException) =>
      resolve({ isReady: false, what: error.code ?? error.message }),
    );
    outgoing.end();
  });
}

type Ready = { readonly status?: string; readonly certificate?: { readonly last_error_code?: string | null } };

/** The status, and why there is no certificate where there is none. */
function summaryOf(body: string): string {
  try {
    const { status, certificate } = JSON.parse(body) as Ready;
    const code = certificate?.last_error_code ?? null;
    return `${status ?? "no status"}${code === null ? "" : ` (${code}: docs/certificates.md#error-codes)`}`;
  } catch {
    return "an answer that is not the relay's";
  }
}
