import fc from "fast-check";
import { expect, it } from "vitest";
import { readProxyHeader } from "../../relay/entrance/proxy-protocol.ts";
import { proxyV2 } from "../support/proxy-header.ts";

const V1 = "PROXY TCP4 198.51.100.1 192.0.2.1 4711 443\r\n";

it.each([
  ["IPv4 in a line", Buffer.from(V1), "198.51.100.1"],
  ["IPv6 in a line", Buffer.from("PROXY TCP6 2001:DB8::1 2001:db8::2 4711 443\r\n"), "2001:db8::1"],
  ["nobody in a line", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  ["nobody in a line that says more", Buffer.from("PROXY UNKNOWN ffff:f...f 1 2\r\n"), undefined],
  ["IPv4 in binary", proxyV2({ source: "198.51.100.1" }), "198.51.100.1"],
  ["IPv6 in binary", proxyV2({ source: "2001:db8::1" }), "2001:db8::1"],
  ["IPv4 in binary with more behind it", proxyV2({ source: "198.51.100.1", extraBytes: 500 }), "198.51.100.1"],
  ["the proxy itself", proxyV2({ source: "198.51.100.1", command: 0x20 }), undefined],
  ["a client of another kind", proxyV2({ source: "198.51.100.1", family: 0x31 }), undefined],
])("reads %s, and leaves what is behind it alone", (_name, header, source) => {
  const read = readProxyHeader(Buffer.concat([header, Buffer.from("\u0016\u0003\u0001")]));

  expect(read).toEqual({ outcome: "whole", source, byteCount: header.length });
});

it.each([
  ["TLS", Buffer.from("160301020001000001fc0303", "hex")],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n")],
  ["small letters", Buffer.from("proxy TCP4 198.51.100.1 192.0.2.1 4711 443\r\n")],
  ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`)],
  ["a line of 108 bytes", Buffer.from(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`)],
  ["another protocol", Buffer.from("PROXY UDP4 198.51.100.1 192.0.2.1 4711 443\r\n")],
  ["IPv6 where IPv4 is said", Buffer.from("PROXY TCP4 2001:db8::1 192.0.2.1 4711 443\r\n")],
  ["no destination", Buffer.from("PROXY TCP4 198.51.100.1 4711 443\r\n")],
  ["a port too high", Buffer.from("PROXY TCP4 198.51.100.1 192.0.2.1 65536 443\r\n")],
  ["a port that is none", Buffer.from("PROXY TCP4 198.51.100.1 192.0.2.1 -1 443\r\n")],
  ["two spaces", Buffer.from("PROXY  TCP4 198.51.100.1 192.0.2.1 4711 443\r\n")],
  ["another version", proxyV2({ source: "198.51.100.1", command: 0x11 })],
  ["another command", proxyV2({ source: "198.51.100.1", command: 0x22 })],
  ["a block too short for its addresses", proxyV2({ source: "198.51.100.1", announcedBytes: 11 })],
  ["a block that is announced larger than any", proxyV2({ source: "198.51.100.1", announcedBytes: 65_535 })],
  ["a block one byte above the bound", proxyV2({ source: "198.51.100.1", announcedBytes: 4081 })],
])("does not take %s for a header", (_name, bytes) => {
  expect(readProxyHeader(bytes)).toEqual({ outcome: "broken" });
});

it("takes a header at the bound of its size", () => {
  const line = Buffer.from(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`);
  const block = proxyV2({ source: "198.51.100.1", extraBytes: 4096 - 28 });

  expect(readProxyHeader(line)).toMatchObject({ outcome: "whole", byteCount: 107 });
  expect(readProxyHeader(block)).toMatchObject({ outcome: "whole", byteCount: 4096 });
});

it.each([
  ["a line", Buffer.from(V1)],
  ["binary", proxyV2({ source: "2001:db8::1", extraBytes: 3 })],
])("asks for more until %s is whole", (_name, header) => {
  const outcomes = new Set<string>();
  for (let bytes = 0; bytes < header.length; bytes += 1)
    outcomes.add(readProxyHeader(header.subarray(0, bytes)).outcome);

  expect([...outcomes]).toEqual(["incomplete"]);
});

it("throws on no bytes at all, and never asks for more than its bound", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("", V1.slice(0, 11), "\r\n\r\n\0\r\nQUIT\n"),
      fc.uint8Array({ maxLength: 5000 }),
      (start, rest) => {
        const bytes = Buffer.concat([Buffer.from(start, "latin1"), rest]);

        const { outcome } = readProxyHeader(bytes);

        if (bytes.length >= 4096) expect(outcome).not.toBe("incomplete");
      },
    ),
  );
});
