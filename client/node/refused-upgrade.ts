import type { IncomingMessage } from "node:http";
import type { Refusal } from "../line/socket.ts";

const MAX_BODY_CHARACTERS = 300;
const MAX_WORD_CHARACTERS = 128;
/** A body that drips, or never ends, is not waited for. */
const BODY_TIMEOUT_MS = 2000;

/** What an HTTP answer to an upgrade says. @property text its status and the beginning of its body, for people. */
export type ReadRefusal = { readonly refusal: Refusal; readonly text: string };

/** Reads a refused upgrade. Never rejects; the caller ends the connection. */
export async function readRefusal(response: IncomingMessage): Promise<ReadRefusal> {
  const status = response.statusCode ?? 0;
  const retryAfter = Number(response.headers["retry-after"]);
  const refusal: Refusal = {
    status,
    word: headerOf(response, "x-refusal"),
    requestId: headerOf(response, "x-request-id"),
    retryAfterMs: retryAfter >= 0 ? retryAfter * 1000 : undefined,
  };
  const body = await beginningOf(response);
  return { refusal, text: `HTTP ${status}${[refusal.word, body].map((part) => (part ? `: ${part}` : "")).join("")}` };
}

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === "string" && value !== "" ? value.slice(0, MAX_WORD_CHARACTERS) : undefined;
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  let body = "";
  const limit = AbortSignal.timeout(BODY_TIMEOUT_MS);
  limit.addEventListener("abort", () => response.destroy());
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length >= MAX_BODY_CHARACTERS) break;
    }
  } catch {
    // What has come by then has to do.
  }
  return body.slice(0, MAX_BODY_CHARACTERS).replace(/\s+/g, " ").trim();
}
