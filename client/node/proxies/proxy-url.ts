import { ProxyError } from "./proxy-error.ts";

/** Where a proxy is, and how it is spoken to. */
export type Proxy = {
  readonly kind: "http" | "https" | "socks5";
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** The URL without user and password, for people. */
  readonly shownUrl: string;
};

const KINDS: Readonly<Record<string, Proxy["kind"]>> = {
  "http:": "http",
  "https:": "https",
  "socks:": "socks5",
  "socks5:": "socks5",
  // It asks the proxy to look names up, which is what is done anyway.
  "socks5h:": "socks5",
};
const DEFAULT_PORTS: Readonly<Record<Proxy["kind"], number>> = { http: 80, https: 443, socks5: 1080 };

/**
 * Reads the URL of a proxy. One without a scheme is taken for `http://`, as curl does.
 * @param source who has given it: the name of a variable, or the like; for the error.
 * @throws ProxyError `proxy-invalid`
 */
export function parseProxyUrl(text: string, source: string): Proxy {
  const url = urlOf(text.trim());
  // What stands in it may be a password: it is not repeated.
  if (url === undefined) throw invalid(source, "is no URL of a proxy, such as http://proxy.example:3128");
  const kind = KINDS[url.protocol];
  if (kind === undefined) {
    throw invalid(source, `names a proxy of a kind that is not there: ${url.protocol}// (http, https and socks5 are)`);
  }
  if (url.hostname === "") throw invalid(source, "names no host");
  const port = url.port === "" ? DEFAULT_PORTS[kind] : Number(url.port);
  if (port === 0) throw invalid(source, "names the port 0");
  return {
    kind,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port,
    user: userOf(url, source),
    shownUrl: `${kind}://${url.hostname}:${port}`,
  };
}

function urlOf(text: string): URL | undefined {
  const withScheme = text.includes("://") ? text : `http://${text}`;
  return URL.parse(withScheme) ?? undefined;
}

function userOf({ username, password }: URL, source: string): Proxy["user"] {
  if (username === "" && password === "") return undefined;
  try {
    return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw invalid(source, "has a user or a password with a % that stands for nothing: write %25");
  }
}

function invalid(source: string, what: string): ProxyError {
  return new ProxyError("proxy-invalid", `${source} ${what}`);
}
