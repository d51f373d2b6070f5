import { entriesOf } from "./exceptions.ts";

/** The variables of a process, or some of them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that is set somewhere: its URL as it was written, and where. */
export type NamedProxy = { readonly url: string; readonly source: string };

/**
 * The proxy that the environment names. The names in lower case come first, as in most programs; an empty one is none.
 * `HTTP_PROXY` in upper case is not read where `REQUEST_METHOD` is set: there it may be a header of somebody's request (CGI).
 */
export function proxyOfEnvironment(env: Environment, isTls: boolean): NamedProxy | undefined {
  const http = env["REQUEST_METHOD"] === undefined ? ["http_proxy", "HTTP_PROXY"] : ["http_proxy"];
  const names = [...(isTls ? ["https_proxy", "HTTPS_PROXY"] : http), "all_proxy", "ALL_PROXY"];
  for (const source of names) {
    const url = env[source]?.trim() ?? "";
    if (url !== "") return { url, source };
  }
  return undefined;
}

/** The entries of `no_proxy`, or where that is not set of `NO_PROXY`. */
export function exceptionsOfEnvironment(env: Environment): readonly string[] {
  return entriesOf(env["no_proxy"]?.trim() || env["NO_PROXY"] || "");
}
