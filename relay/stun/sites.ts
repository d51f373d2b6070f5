import type { Socket } from "node:dgram";
import { readStunAddresses, type StunAddressText } from "../config/stun-address-text.ts";
import { addressBytes, plainAddress } from "../limits/address.ts";
import type { Listening } from "../listen-on.ts";
import type { Change, Endpoint } from "./message.ts";
import { bindUdp } from "./udp-socket.ts";

/** Where requests are taken. */
export type SiteOptions = {
  readonly host: string;
  readonly stunPort: number;
  readonly reusePort: boolean;
  /** Two of a family, or two of each; empty: `host` alone. */
  readonly stunAddresses: readonly string[];
  readonly stunOtherPort: number;
};

/** One of the four places of a family (RFC 5780 section 6): two addresses with two ports each. */
export type DiscoverySite = {
  readonly socket: Socket;
  /** As clients reach it. */
  readonly endpoint: Endpoint;
  /** The place that is elsewhere as asked: it may be this one. */
  readonly changed: (change: Change) => DiscoverySite;
};

/** One address and port at which requests are taken. `discovery`: undefined where there are no others. */
export type Site = {
  readonly socket: Socket;
  readonly listening: Listening;
  readonly discovery: DiscoverySite | undefined;
};

/** Where an operator sets them. */
const PORT_PLACE = { option: "STUN_PORT", flag: "--stun-port" } as const;
const OTHER_PORT_PLACE = { option: "STUN_OTHER_PORT", flag: "--stun-other-port" } as const;
const ADDRESSES_PLACE = { option: "STUN_ADDRESSES", flag: "--stun-addresses" } as const;

/** The bits of a place's number: the address and the port of it. */
const ADDRESS_BIT = 2;
const PORT_BIT = 1;
const PLACES = [0, PORT_BIT, ADDRESS_BIT, ADDRESS_BIT | PORT_BIT] as const;

/**
 * Opens every address and port at which requests are taken. Nothing is read yet: the sockets are the caller's.
 * @throws RelayError where one cannot be had; nothing is open then.
 */
export async function openSites(options: SiteOptions): Promise<readonly Site[]> {
  const { host, stunPort: port, reusePort, stunAddresses } = options;
  if (stunAddresses.length === 0) {
    const bound = await bindUdp({ host, port, reusePort }, { port: PORT_PLACE });
    return [{ socket: bound.socket, listening: { host: bound.host, port }, discovery: undefined }];
  }
  const sites: Site[] = [];
  const addresses = readStunAddresses(stunAddresses);
  try {
    for (const version of [4, 6]) {
      const pair = addresses.filter((address) => address.version === version);
      if (pair.length > 0) await openPlaces(pair, options, sites);
    }
    return sites;
  } catch (error) {
    for (const { socket } of sites) socket.close();
    throw error;
  }
}

/** @param into is given each place as soon as it is open. */
async function openPlaces(pair: readonly StunAddressText[], options: SiteOptions, into: Site[]): Promise<void> {
  const { stunPort, stunOtherPort, reusePort } = options;
  const places: DiscoverySite[] = [];
  for (const place of PLACES) {
    const text = pair[(place & ADDRESS_BIT) === 0 ? 0 : 1];
    if (text === undefined) throw new RangeError("an address of two is there alone");
    const isFirstPort = (place & PORT_BIT) === 0;
    const port = isFirstPort ? stunPort : stunOtherPort;
    const { socket, host } = await bindUdp(
      { host: text.own, port, reusePort },
      { port: isFirstPort ? PORT_PLACE : OTHER_PORT_PLACE, address: ADDRESSES_PLACE },
    );
    const changed = ({ address, port: isOtherPort }: Change): DiscoverySite =>
      places[place ^ (address ? ADDRESS_BIT : 0) ^ (isOtherPort ? PORT_BIT : 0)] ?? here;
    const here: DiscoverySite = { socket, endpoint: endpointOf(text.public, port), changed };
    places.push(here);
    into.push({ socket, listening: { host, port }, discovery: here });
  }
}

function endpointOf(text: string, port: number): Endpoint {
  return { address: addressBytes(plainAddress(text) ?? text), port };
}
