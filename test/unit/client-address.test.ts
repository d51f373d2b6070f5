import { expect, it } from "vitest";
import { ClientAddresses } from "../../relay/entrance/client-address.ts";
import { Networks } from "../../relay/limits/address.ts";

const PROXY = "10.0.0.1";
const trusted = new Networks(["10.0.0.0/8", "fd00::/8"]);
const byXForwardedFor = new ClientAddresses(trusted, "x-forwarded-for");
const byForwarded = new ClientAddresses(trusted, "forwarded");

it("believes no header of somebody who is no trusted proxy", () => {
  const headers = { "x-forwarded-for": "198.51.100.1", forwarded: "for=198.51.100.1" };

  expect(byXForwardedFor.of("192.0.2.1", headers)).toBe("192.0.2.1");
  expect(byForwarded.of("192.0.2.1", headers)).toBe("192.0.2.1");
});

it.each([
  ["the client behind one proxy", "198.51.100.1", "198.51.100.1"],
  ["the client behind several", "198.51.100.1, 10.0.0.3, 10.0.0.2", "198.51.100.1"],
  ["the nearest stranger, whatever was written before it", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"],
  ["what a client wrote that looks like a proxy", "10.6.6.6, 198.51.100.1", "198.51.100.1"],
  ["an address with a port, as some proxies write it", "198.51.100.1:4711", "198.51.100.1"],
  ["an IPv6 address in brackets", "[2001:DB8::1]:4711", "2001:db8::1"],
  ["a bare IPv6 address", "2001:db8::1", "2001:db8::1"],
  ["an IPv4 address written as IPv6", "::ffff:198.51.100.1", "198.51.100.1"],
  ["the proxy where there is no header", undefined, PROXY],
  ["the proxy where the header is empty", "", PROXY],
  ["the proxy where it says nothing usable", "unknown", PROXY],
  ["the nearest proxy where garbage is behind it", "198.51.100.1, <script>, 10.0.0.2", "10.0.0.2"],
  ["the farthest proxy where all are trusted", "10.0.0.9, 10.0.0.8", "10.0.0.9"],
])("finds in X-Forwarded-For %s", (_name, header, expected) => {
  expect(byXForwardedFor.of(PROXY, header === undefined ? {} : { "x-forwarded-for": header })).toBe(expected);
});

it.each([
  ["for=198.51.100.1", "198.51.100.1"],
  ["For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"],
  ['proto=https; for="[2001:db8::1]:4711"', "2001:db8::1"],
  ["for=203.0.113.9, for=198.51.100.1, for=10.0.0.2", "198.51.100.1"],
  ['for="203.0.113.9, for=198.51.100.1', "198.51.100.1"],
  ["for=_hidden", PROXY],
  ["proto=https", PROXY],
  ["host=for=198.51.100.1", PROXY],
])("finds in Forwarded %s the client %s", (forwarded, expected) => {
  expect(byForwarded.of(PROXY, { forwarded })).toBe(expected);
});

it("reads the header that it was told to read, and not the one that a client could have written", () => {
  const headers = { "x-forwarded-for": "198.51.100.1", forwarded: "for=203.0.113.9" };

  expect(byXForwardedFor.of(PROXY, headers)).toBe("198.51.100.1");
  expect(byForwarded.of(PROXY, headers)).toBe("203.0.113.9");
  expect(new ClientAddresses(trusted, "none").of(PROXY, headers)).toBe(PROXY);
});

it("looks through no more than sixteen proxies", () => {
  const proxies = Array.from({ length: 20 }, (_, index) => `10.0.1.${index}`);

  const found = byXForwardedFor.of(PROXY, { "x-forwarded-for": ["198.51.100.1", ...proxies].join(", ") });

  expect(found).toBe("10.0.1.4");
});

it("believes a trusted proxy that says that the client speaks TLS, and nobody else", () => {
  expect(byXForwardedFor.saysTls(PROXY, { "x-forwarded-proto": "https" })).toBe(true);
  // The first proxy has seen the client, and speaks plain HTTP with the next one.
  expect(byXForwardedFor.saysTls(PROXY, { "x-forwarded-proto": "HTTPS , http" })).toBe(true);
  expect(
    byForwarded.saysTls(PROXY, { forwarded: 'for=192.0.2.60;Proto="https";by=203.0.113.43, for=198.51.100.17' }),
  ).toBe(true);
  for (const proto of ["http", "http, https", "", "httpsx", "wss"]) {
    expect(byXForwardedFor.saysTls(PROXY, { "x-forwarded-proto": proto })).toBe(false);
  }
  expect(byForwarded.saysTls(PROXY, { forwarded: "for=192.0.2.60", "x-forwarded-proto": "https" })).toBe(false);
  expect(byXForwardedFor.saysTls(PROXY, { forwarded: "proto=https" })).toBe(false);
  expect(byXForwardedFor.saysTls(PROXY, {})).toBe(false);
  expect(byXForwardedFor.saysTls("192.0.2.99", { "x-forwarded-proto": "https" })).toBe(false);
  expect(new ClientAddresses(trusted, "none").saysTls(PROXY, { "x-forwarded-proto": "https" })).toBe(false);
});
