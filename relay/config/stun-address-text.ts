import { isIP } from "node:net";

/** An address at which STUN listens, as an operator writes it: `192.0.2.1`, or `10.0.0.4=192.0.2.1` behind a NAT. */
export type StunAddressText = {
  readonly version: 4 | 6;
  /** What the machine has. */
  readonly own: string;
  /** What clients reach it by. */
  readonly public: string;
};

/** Every address of a machine, and IPv4 written as IPv6: no answer could come from the one, or name the other. */
const NO_ADDRESS = /^(0\.0\.0\.0$|::$|::ffff:)/i;

/** Reads what stands for one address; undefined where it is none. */
export function readStunAddress(text: string): StunAddressText | undefined {
  const [own = "", shown = own, ...rest] = text.split("=");
  const version = isIP(own);
  const isUsable = version !== 0 && isIP(shown) === version && rest.length === 0 && !text.includes("%");
  if (!isUsable || NO_ADDRESS.test(own) || NO_ADDRESS.test(shown)) return undefined;
  return { version: version === 4 ? 4 : 6, own, public: shown };
}

/** The same of an option that has been parsed. */
export function readStunAddresses(texts: readonly string[]): readonly StunAddressText[] {
  return texts.flatMap((text) => readStunAddress(text) ?? []);
}

/** Whether these are two of a family, or two of each, and each another one (RFC 5780 section 6). */
export function areInPairs(addresses: readonly StunAddressText[]): boolean {
  const fourth = addresses.filter(({ version }) => version === 4).length;
  return (
    isNoneOrPair(fourth) &&
    isNoneOrPair(addresses.length - fourth) &&
    areDifferent(addresses.map(({ own }) => own)) &&
    areDifferent(addresses.map((address) => address.public))
  );
}

function isNoneOrPair(count: number): boolean {
  return count === 0 || count === 2;
}

function areDifferent(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
