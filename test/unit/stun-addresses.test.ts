import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";

const PORT = { STUN_PORT: "3478" };

function load(env: Readonly<Record<string, string>>): readonly string[] {
  return loadConfig({ env, flags: {} }).config.stunAddresses;
}

it.each([
  ["two of IPv4", "192.0.2.1,192.0.2.2"],
  ["two of IPv6", "2001:db8::1,2001:db8::2"],
  ["two of each, in any order", "2001:db8::1,192.0.2.1,2001:db8::2,192.0.2.2"],
  ["public addresses behind a NAT", "10.0.0.4=192.0.2.1,10.0.0.5=192.0.2.2"],
])("takes %s", (_what, text) => {
  expect(load({ ...PORT, STUN_ADDRESSES: text })).toEqual(text.split(","));
});

it.each([
  ["one", "192.0.2.1"],
  ["three", "192.0.2.1,192.0.2.2,192.0.2.3"],
  ["one of each family", "192.0.2.1,2001:db8::1"],
  ["one that is there under two public ones", "10.0.0.4=192.0.2.1,10.0.0.4=192.0.2.2"],
  ["two behind one public one", "10.0.0.4=192.0.2.1,10.0.0.5=192.0.2.1"],
])("refuses what makes no pair: %s", (_what, text) => {
  expect(() => load({ ...PORT, STUN_ADDRESSES: text })).toThrow(/STUN_ADDRESSES takes two different IPv4 addresses/);
});

it.each([
  ["every address", "0.0.0.0,192.0.2.1"],
  ["every address of IPv6", "::,2001:db8::1"],
  ["a name", "relay.example.com,192.0.2.1"],
  ["a public address of another family", "10.0.0.4=2001:db8::1,10.0.0.5"],
  ["nothing behind the sign", "10.0.0.4=,10.0.0.5"],
  ["IPv4 written as IPv6", "::ffff:192.0.2.1,::ffff:192.0.2.2"],
  ["a zone", "fe80::1%eth0,fe80::2%eth0"],
])("refuses %s", (_what, text) => {
  expect(() => load({ ...PORT, STUN_ADDRESSES: text })).toThrow(/STUN_ADDRESSES.*this is none/);
});

it("wants a port for them, and another one beside it", () => {
  const STUN_ADDRESSES = "192.0.2.1,192.0.2.2";

  expect(() => load({ STUN_ADDRESSES })).toThrow("STUN_ADDRESSES is set and STUN_PORT is not");
  expect(() => load({ STUN_ADDRESSES, STUN_PORT: "3479" })).toThrow("STUN_OTHER_PORT is 3479, which is STUN_PORT too");
  expect(load({ STUN_PORT: "3479" })).toEqual([]);
});
