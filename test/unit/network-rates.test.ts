import { expect, it } from "vitest";
import { addressBytes } from "../../relay/limits/address.ts";
import { NetworkRates } from "../../relay/limits/network-rates.ts";

function taken(rates: NetworkRates, addresses: readonly string[], nowMs = 0): number {
  return addresses.filter((address) => rates.tryTake(addressBytes(address), nowMs)).length;
}

/** Addresses of one network of IPv4, or of one network of IPv6. */
function inNetwork(prefix: string, count: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, index) => `${prefix}${prefix.includes(":") ? index.toString(16) : index % 256}`,
  );
}

it.each(["192.0.2.", "2001:db8:1:2::"])("gives a network %s twice its rate at once, whoever in it asks", (prefix) => {
  const rates = new NetworkRates({ perSecond: 5, burst: 10 });

  expect(taken(rates, inNetwork(prefix, 100))).toBe(10);
});

it("gives it its rate from then on", () => {
  const rates = new NetworkRates({ perSecond: 5, burst: 10 });
  taken(rates, inNetwork("192.0.2.", 100));

  expect(taken(rates, inNetwork("192.0.2.", 100), 1000)).toBe(5);
  expect(taken(rates, inNetwork("192.0.2.", 100), 60_000)).toBe(10);
});

it("counts each network for itself, but for the few that share a bucket", () => {
  const rates = new NetworkRates({ perSecond: 1, burst: 2 });
  const ipv4 = Array.from({ length: 500 }, (_, index) => `10.${index % 7}.${index % 250}.1`);
  const ipv6 = Array.from({ length: 500 }, (_, index) => `2001:db8:0:${index.toString(16)}::1`);

  expect(taken(rates, [...new Set(ipv4), ...ipv6])).toBeGreaterThan(950);
});

it("does not forget a network that is at its limit, however many others come", () => {
  const rates = new NetworkRates({ perSecond: 1, burst: 2 });
  taken(rates, inNetwork("192.0.2.", 10));

  for (let index = 0; index < 200_000; index += 1) {
    rates.tryTake(Uint8Array.of(10, index >>> 16, index >>> 8, 1), 0);
  }

  expect(taken(rates, inNetwork("192.0.2.", 10))).toBe(0);
});
