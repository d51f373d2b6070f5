import { expect, it } from "vitest";
import { AddressLimits } from "../../relay/limits/address-limits.ts";

const NO_LIMITS = {
  maxConnectionsPerIp: 0,
  connectionsPerIpPerMinute: 0,
  maxHandshakesInFlight: 1000,
  maxHttpConnections: 4,
};
/** More addresses than may be kept. */
const SPRAY = 100_000;
const MAX_IDLE = 65_536;

/** The first address of one of many /64. */
function addressOf(index: number): string {
  return `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;
}

it("gives one address its connections, refuses one more, and takes it when one is gone", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxConnectionsPerIp: 2 });

  const before = [1, 2, 3].map(() => limits.tryConnect("192.0.2.1"));
  const ofAnother = limits.tryConnect("192.0.2.2");
  limits.disconnect("192.0.2.1", 0);

  expect(before).toEqual([true, true, false]);
  expect(ofAnother).toBe(true);
  expect(limits.tryConnect("192.0.2.1")).toBe(true);
});

it("counts all addresses of an IPv6 /64 as one, and those of the next as another", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxConnectionsPerIp: 1 });
  limits.tryConnect("2001:db8::1");

  expect(limits.tryConnect("2001:db8::ffff:ffff:ffff:ffff")).toBe(false);
  expect(limits.tryConnect("2001:db8:0:1::1")).toBe(true);
});

it("takes as many new connections as a minute may have, then tells as many, then tells nothing", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 3 });

  const arrivals = Array.from({ length: 8 }, () => limits.arrived("192.0.2.1", 0));

  expect(arrivals).toEqual(["ok", "ok", "ok", "over-rate", "over-rate", "over-rate", "flooding", "flooding"]);
  expect(limits.arrived("192.0.2.2", 0)).toBe("ok");
});

it("lets in one of many who come again and again when its time has come: refusals use nothing up", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 60 });
  for (let count = 0; count < 200; count += 1) limits.arrived("192.0.2.1", 0);

  const laterMs = [500, 999, 1000, 1001].map((nowMs) => limits.arrived("192.0.2.1", nowMs));

  expect(laterMs.map((arrival) => arrival === "ok")).toEqual([false, false, true, false]);
});

it("does not forget the rate of an address that keeps coming", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 60 });

  let taken = 0;
  for (let nowMs = 0; nowMs <= 300_000; nowMs += 100) if (limits.arrived("192.0.2.1", nowMs) === "ok") taken += 1;

  expect(taken).toBe(60 + 300);
});

it("keeps no more addresses than it may, however many come, and forgets them after a minute", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 60 });

  for (let index = 0; index < SPRAY; index += 1) limits.arrived(addressOf(index), 0);
  const atMost = limits.addressCount;
  limits.arrived("192.0.2.1", 60_001);

  expect(atMost).toBe(MAX_IDLE);
  expect(limits.addressCount).toBe(1);
});

it("forgets first who came longest ago, and not who came first and keeps coming", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 1 });
  limits.arrived("192.0.2.1", 0);
  for (let index = 0; index < MAX_IDLE - 1; index += 1) limits.arrived(addressOf(index), 0);

  limits.arrived("192.0.2.1", 0);
  limits.arrived("192.0.2.2", 0);

  expect(limits.arrived("192.0.2.1", 0)).not.toBe("ok");
  expect(limits.arrived(addressOf(0), 0)).toBe("ok");
});

it("does not forget an address with connections for those that only come and go", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, connectionsPerIpPerMinute: 60, maxConnectionsPerIp: 1 });
  limits.tryConnect("192.0.2.1");

  for (let index = 0; index < SPRAY; index += 1) limits.arrived(addressOf(index), 0);

  expect(limits.tryConnect("192.0.2.1")).toBe(false);
});

it("keeps nothing of addresses that are gone where no rate is limited", () => {
  const limits = new AddressLimits(NO_LIMITS);

  for (let index = 0; index < 1000; index += 1) {
    limits.arrived(addressOf(index), 0);
    limits.beginHandshake(addressOf(index));
    limits.tryConnect(addressOf(index));
  }
  for (let index = 0; index < 1000; index += 1) {
    limits.endHandshake(addressOf(index), 0);
    limits.disconnect(addressOf(index), 0);
  }

  expect(limits.addressCount).toBe(0);
  expect(limits.handshakeCount).toBe(0);
});

it("gives one address half of the handshakes, and the rest to others", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxHandshakesInFlight: 4 });

  const ofOne = [1, 2, 3].map(() => limits.beginHandshake("192.0.2.1"));
  const ofOthers = ["192.0.2.2", "192.0.2.3", "192.0.2.4"].map((address) => limits.beginHandshake(address));
  limits.endHandshake("192.0.2.1", 0);

  expect(ofOne).toEqual(["ok", "ok", "too-many-handshakes-from-address"]);
  expect(ofOthers).toEqual(["ok", "ok", "too-many-handshakes"]);
  expect(limits.beginHandshake("192.0.2.4")).toBe("ok");
});

it("gives one address half of the HTTP connections, the rest to others, and a proxy all of them", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxHttpConnections: 4 });

  const ofOne = [1, 2, 3].map(() => limits.tryHttp("192.0.2.1"));
  const ofOthers = ["192.0.2.2", "192.0.2.3", "192.0.2.4"].map((address) => limits.tryHttp(address));
  limits.endHttp("192.0.2.1", 0);
  const next = limits.tryHttp("192.0.2.4");
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]) limits.endHttp(address, 0);

  expect(ofOne).toEqual([true, true, false]);
  expect(ofOthers).toEqual([true, true, false]);
  expect(next).toBe(true);
  expect([limits.httpCount, limits.addressCount]).toEqual([0, 0]);
  expect([1, 2, 3, 4, 5].map(() => limits.tryHttp(undefined))).toEqual([true, true, true, true, false]);
});

it("keeps no HTTP connection where there is to be none", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxHttpConnections: 0 });

  expect([limits.tryHttp("192.0.2.1"), limits.tryHttp(undefined)]).toEqual([false, false]);
});

it("gives a proxy, which is many clients, all the handshakes", () => {
  const limits = new AddressLimits({ ...NO_LIMITS, maxHandshakesInFlight: 4 });

  const begun = [1, 2, 3, 4, 5].map(() => limits.beginHandshake(undefined));

  expect(begun).toEqual(["ok", "ok", "ok", "ok", "too-many-handshakes"]);
});
