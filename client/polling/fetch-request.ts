import type { HttpRequest } from "./http-request.ts";

/** Sends requests with the runtime's own `fetch`: browsers, Deno, Bun, workerd. */
export const fetchRequest: HttpRequest = async ({ method, url, headers, body, isLast = false, signal }) => {
  const init = {
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
};
