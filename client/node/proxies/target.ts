/** What is to be reached: a relay, or a page of it. */
export type Target = {
  /** Without brackets, in lower case, without a dot at its end. */
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
};

/** @param url `wss:`, `ws:`, `https:` or `http:`. */
export function targetOf(url: URL): Target {
  const isTls = url.protocol === "wss:" || url.protocol === "https:";
  const usualPort = isTls ? 443 : 80;
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, ""),
    port: url.port === "" ? usualPort : Number(url.port),
    isTls,
  };
}

/** As it stands behind CONNECT (RFC 9110 section 9.3.6): always with a port, and an IPv6 address in brackets. */
export function authorityOf({ hostname, port }: Target): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
