import { BlockList, isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { Target } from "./target.ts";

/** The entries of NO_PROXY: between commas, blanks or both. */
export function entriesOf(noProxy: string): readonly string[] {
  return noProxy.split(/[\s,]+/).filter((entry) => entry !== "");
}

/**
 * The first entry by which a target is to be reached without the proxy; undefined where none does. Names are not looked up.
 *
 * | entry | holds for |
 * |---|---|
 * | `*` | everything |
 * | `example.test` | this name, and all names below it |
 * | `.example.test`, `*.example.test` | the names below it |
 * | `10.0.0.5`, `::1`, `[::1]` | this address, however it is written |
 * | `10.0.0.0/8`, `fd00::/8` | the addresses of this network |
 * | `10.*`, `relay-*.test` | what is written so, with anything in the place of a star |
 * | `<local>` | names without a dot (Windows) |
 *
 * Each but a network may end in `:443`, and holds for that port alone then. Upper and lower case are the same, and so is a dot at the end.
 */
export function exceptionFor(entries: readonly string[], target: Target): string | undefined {
  return entries.find((entry) => holds(entry.toLowerCase(), target));
}

function holds(entry: string, { hostname, port }: Target): boolean {
  const { host, onlyPort } = withoutPort(entry);
  if (onlyPort !== undefined && onlyPort !== port) return false;
  if (host === "*") return true;
  const name = hostname.toLowerCase().replace(/\.$/, "");
  if (host === "<local>") return isIP(name) === 0 && !name.includes(".");
  return isIP(name) === 0 ? holdsForName(host.replace(/\.$/, ""), name) : holdsForAddress(host, name);
}

/** An IPv6 address has colons of its own: its port stands behind brackets. */
function withoutPort(entry: string): { readonly host: string; readonly onlyPort: number | undefined } {
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  return { host: bracketed ?? bare ?? entry, onlyPort: port === undefined ? undefined : Number(port) };
}

function holdsForName(host: string, name: string): boolean {
  const wanted = domainToASCII(host) || host;
  if (wanted.startsWith("*.") && !wanted.includes("*", 1)) return name.endsWith(wanted.slice(1));
  if (wanted.includes("*")) return fits(wanted, name);
  if (wanted.startsWith(".")) return name.endsWith(wanted);
  return name === wanted || (wanted !== "" && name.endsWith(`.${wanted}`));
}

function holdsForAddress(host: string, address: string): boolean {
  const [base = "", prefix] = host.replace(/^\[|\]$/g, "").split("/");
  const family = isIP(base);
  if (family === 0) return host.includes("*") && fits(host, address);
  const mostBits = family === 6 ? 128 : 32;
  const bits = prefix === undefined ? mostBits : /^\d+$/.test(prefix) ? Number(prefix) : Number.NaN;
  // An address with a zone is none for a BlockList.
  if (!(bits >= 0 && bits <= mostBits) || base.includes("%")) return false;
  const network = new BlockList();
  network.addSubnet(base, bits, family === 6 ? "ipv6" : "ipv4");
  return network.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Whether a text is a pattern with anything in the place of each star; in one pass. */
function fits(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop() ?? "";
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return text.endsWith(last) && text.length - last.length >= from;
}
