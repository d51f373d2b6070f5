import type { IncomingHttpHeaders } from "node:http";
import { type Networks, plainAddress } from "../limits/address.ts";

/** Which header trusted proxies set: X-Forwarded-For, or Forwarded (RFC 7239). The other one is as its client wrote it. */
export type ForwardedHeader = "x-forwarded-for" | "forwarded" | "none";

/** Proxies behind each other that are looked through. */
const MAX_HOPS = 16;

/** Tells the addresses of clients behind proxies. */
export class ClientAddresses {
  readonly #trustedProxies: Networks;
  readonly #header: ForwardedHeader;

  constructor(trustedProxies: Networks, header: ForwardedHeader) {
    this.#trustedProxies = trustedProxies;
    this.#header = header;
  }

  /**
   * Whether requests from here may be somebody else's: their headers say whose.
   * @param address of the connection: the socket's, or the one that the PROXY protocol told.
   */
  isForwarding(address: string): boolean {
    return this.#header !== "none" && this.#trustedProxies.has(address);
  }

  /**
   * The address of the client: the nearest one that is no trusted proxy. Each proxy adds the address that it saw at the
   * end of the header, so it is read from there, and no further than somebody who is not trusted.
   */
  of(address: string, headers: IncomingHttpHeaders): string {
    if (!this.isForwarding(address)) return address;
    let client = address;
    for (const text of this.#hops(headers)) {
      const hop = plainAddress(text);
      // "unknown", a name, a hidden one: then the proxy that wrote it is the best we know.
      if (hop === undefined) return client;
      client = hop;
      if (!this.#trustedProxies.has(hop)) return client;
    }
    return client;
  }

  /**
   * Whether a trusted proxy says that the client came to it over TLS: the first of several proxies has seen the client.
   * A client that claims it where its proxy does not replace the header deceives nobody but itself.
   */
  saysTls(address: string, headers: IncomingHttpHeaders): boolean {
    if (!this.isForwarding(address)) return false;
    const value = this.#header === "forwarded" ? headers.forwarded : headers["x-forwarded-proto"];
    const [first = ""] = [value ?? ""].flat().join(",").split(",", 1);
    return this.#header === "forwarded"
      ? /(?:^|;)\s*proto\s*=\s*"?https"?\s*(?:;|$)/i.test(first)
      : /^\s*https\s*$/i.test(first);
  }

  /** The addresses in the header, nearest first. */
  #hops(headers: IncomingHttpHeaders): readonly string[] {
    const value = this.#header === "forwarded" ? headers.forwarded : headers["x-forwarded-for"];
    const elements = [value ?? ""].flat().join(",").split(",").slice(-MAX_HOPS).toReversed();
    return elements.map((element) => withoutPort(this.#header === "forwarded" ? forOf(element) : element.trim()));
  }
}

/** RFC 7239 section 4: the `for` of `for=192.0.2.60;proto=http`, without quotes. */
function forOf(element: string): string {
  const [, node = ""] = /(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]*)/i.exec(element) ?? [];
  return node.replaceAll('"', "");
}

/** RFC 7239 section 6: `192.0.2.60:4711`, `[2001:db8::1]:4711`. Some proxies write X-Forwarded-For that way too. */
function withoutPort(node: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\w+)?$/.exec(node) ?? [];
  if (bracketed !== undefined) return bracketed;
  return node.split(":").length === 2 ? (node.split(":", 1)[0] ?? "") : node;
}
