import { isIP } from "node:net";

/** The 4 or 16 bytes of an IP address in network order; undefined for anything else. */
export function addressBytes(text: string): Buffer | undefined {
  switch (isIP(text)) {
    case 4:
      return Buffer.from(text.split(".").map(Number));
    case 6:
      return Buffer.from(hexDigits(text), "hex");
    default:
      return undefined;
  }
}

/** The 32 digits of an IPv6 address. */
function hexDigits(address: string): string {
  // The parser of URLs writes the canonical form: no dotted quad, no zone, one `::` at most.
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...zeros, ...tail].map((group) => group.padStart(4, "0")).join("");
}
