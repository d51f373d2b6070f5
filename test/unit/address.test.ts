import { expect, it } from "vitest";
import { clientNetwork, Networks, plainAddress } from "../../relay/limits/address.ts";

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["fe80::1%eth0", "fe80::1"],
])("writes %s as %s", (text, plain) => {
  expect(plainAddress(text)).toBe(plain);
});

it.each(["", "localhost", "192.0.2", "192.0.2.1:80", "192.0.2.01", "::1::", "[::1]", "unknown", "192.0.2.1/24"])(
  "takes %j for no address",
  (text) => {
    expect(plainAddress(text)).toBeUndefined();
  },
);

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["1:2:3::", "1:2:3:0"],
  ["::192.0.2.1", "0:0:0:0"],
])("counts %s under %s", (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});

it("has the addresses of its networks, and none beside them", () => {
  const networks = new Networks(["192.0.2.0/30", "198.51.100.7", "2001:db8:5::/48", "::ffff:203.0.113.0/120"]);

  const inside = ["192.0.2.0", "192.0.2.3", "198.51.100.7", "2001:db8:5:ffff::1", "203.0.113.255"];
  const outside = ["192.0.1.255", "192.0.2.4", "198.51.100.8", "2001:db8:6::", "203.0.114.0", "::1"];

  expect(inside.filter((address) => !networks.has(address))).toEqual([]);
  expect(outside.filter((address) => networks.has(address))).toEqual([]);
});

it("has no address where it was given no network", () => {
  const networks = new Networks([]);

  expect(networks.isEmpty).toBe(true);
  expect(networks.has("192.0.2.1")).toBe(false);
});
