import type { HttpAnswer, HttpQuestion } from "./http-request.ts";

/** Sends requests with the runtime's own `fetch`: browsers, Deno, Bun, workerd. @param more what this runtime's takes besides. */
export async function fetchRequest(
  { method, url, headers, body, isLast = false, signal }: HttpQuestion,
  more: object = {},
): Promise<HttpAnswer> {
  const init = {
    ...more,
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    // A cache would let one of two polls for the same address wait for the other.
    cache: "no-store" as const,
    credentials: "omit" as const,
    redirect: "manual" as const,
    referrerPolicy: "no-referrer" as const,
    keepalive: isLast,
    signal,
  };
  const response = await fetch(url, init);
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    body: new Uint8Array(await response.arrayBuffer()),
  };
}
