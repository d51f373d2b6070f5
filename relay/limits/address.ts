import { BlockList, isIP, SocketAddress } from "node:net";

/** RFC 4291 section 2.5.5.2: how a socket that speaks both protocols shows an IPv4 address. */
const MAPPED = "::ffff:";
/** Groups of 16 bits in an IPv6 address, and in the part of it that one customer has. */
const GROUPS = 8;
const NETWORK_GROUPS = 4;
const DOTTED_QUAD = /\d+\.\d+\.\d+\.\d+$/;

/** The one way to write an IP address: IPv4 never as IPv6, no zone, IPv6 as RFC 5952 has it. Undefined: it is none. */
export function plainAddress(text: string): string | undefined {
  const [address = ""] = text.split("%", 1);
  const version = isIP(address);
  if (version === 4) return address;
  if (version === 0) return undefined;
  const plain = new SocketAddress({ address, family: "ipv6" }).address;
  const mapped = plain.startsWith(MAPPED) ? plain.slice(MAPPED.length) : "";
  return isIP(mapped) === 4 ? mapped : plain;
}

/**
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 address, because that is the least a customer gets
 * (RFC 6177 section 2), and whoever has it has all its addresses.
 * @param address as `plainAddress` writes it.
 */
export function clientNetwork(address: string): string {
  if (!address.includes(":")) return address;
  return groupsOf(address).slice(0, NETWORK_GROUPS).join(":");
}

/** The bytes of an address: 4 of IPv4, 16 of IPv6. @param address as `plainAddress` writes it. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(":")) return Uint8Array.from(address.split("."), Number);
  return Uint8Array.from(
    groupsOf(address).flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >>> 8, value & 0xff];
    }),
  );
}

/** The 8 groups of an IPv6 address in hexadecimal digits, the zeros that `::` stands for among them. */
function groupsOf(address: string): readonly string[] {
  // A dotted quad at the end stands for two groups.
  const hexadecimal = address.replace(DOTTED_QUAD, (quad) => {
    const [a = 0, b = 0, c = 0, d = 0] = addressBytes(quad);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = [], tail = []] = hexadecimal.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: Math.max(0, GROUPS - head.length - tail.length) }, () => "0");
  return [...head, ...zeros, ...tail];
}

/** Networks as options give them: addresses, and addresses with the length of a prefix (CIDR). */
export class Networks {
  readonly isEmpty: boolean;
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    this.isEmpty = networks.length === 0;
    for (const network of networks) this.#add(network);
  }

  #add(network: string): void {
    const [address = "", length] = network.split("/");
    const plain = plainAddress(address) ?? address;
    const family = familyOf(plain);
    if (length === undefined) this.#list.addAddress(plain, family);
    // A prefix of mapped addresses is one of IPv4 addresses behind its first 96 bits.
    else if (family === "ipv4" && address.includes(":"))
      this.#list.addSubnet(plain, Math.max(0, Number(length) - 96), family);
    else this.#list.addSubnet(plain, Number(length), family);
  }

  /** @param address as `plainAddress` writes it. */
  has(address: string): boolean {
    return !this.isEmpty && this.#list.check(address, familyOf(address));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}
