import type { IncomingMessage } from "node:http";
import { type ReadRefusal, refusalOf } from "../line/refusal.ts";

const MAX_BODY_CHARACTERS = 300;
/** A body that drips, or never ends, is not waited for. */
const BODY_TIMEOUT_MS = 2000;

/** Reads a refused upgrade. Never rejects; the caller ends the connection. */
export async function readRefusal(response: IncomingMessage): Promise<ReadRefusal> {
  const header = (name: string): string | undefined => {
    const value = response.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  return refusalOf(response.statusCode ?? 0, header, await beginningOf(response));
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
  return body.slice(0, MAX_BODY_CHARACTERS);
}
