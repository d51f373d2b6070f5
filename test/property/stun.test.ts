import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { answerTo, readRequest } from "../../relay/stun/message.ts";
import { bindingRequest } from "../support/stun-client.ts";

const MAX_RATIO = 1.6;
/** RFC 8200 section 3, RFC 768: what stands before a datagram in a packet of IPv6. */
const IPV6_HEADERS_BYTES = 48;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const type = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0x0001, 0x0003, 0x0006, 0x0008, 0x0024, 0x0027, 0x8022, 0x8028),
);
const attributes = fc
  .array(fc.tuple(type, bytes(12)), { maxLength: 24 })
  .map((list) => Buffer.concat(list.map(([given, value]) => attribute(given, value))));
const request = fc.tuple(fc.nat(), attributes, fc.boolean()).map(([number, list, isSealed]) => {
  const sealed = isSealed ? Buffer.concat([list, attribute(0x8028, Buffer.alloc(4))]) : list;
  const datagram = bindingRequest(number, sealed);
  if (isSealed) datagram.writeUInt32BE((crc32(datagram.subarray(0, -8)) ^ 0x5354554e) >>> 0, datagram.length - 4);
  return datagram;
});
/** A request of which some bytes are others, and which ends sooner or later than it says. */
const damaged = fc
  .tuple(
    request,
    fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { maxLength: 3 }),
    bytes(8),
    fc.nat(400),
  )
  .map(([datagram, changes, behind, length]) => {
    const copy = Buffer.concat([datagram, behind]).subarray(0, Math.max(length, 1));
    for (const [offset, byte] of changes) if (offset < copy.length) copy[offset] = byte;
    return copy;
  });
const anyDatagram = fc.oneof(bytes(100), request, damaged);
const ipv4 = fc.record({
  address: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  port: fc.integer({ min: 1, max: 65_535 }),
});
const ipv6 = fc.record({
  address: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  port: fc.integer({ min: 1, max: 65_535 }),
});

function attribute(given: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(given, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

it("never throws, and never answers what is no whole Binding request with the cookie", () => {
  fc.assert(
    fc.property(anyDatagram, (datagram) => {
      const read = readRequest(datagram);

      if (typeof read === "string") return;
      expect(datagram.subarray(0, 2).toString("hex")).toBe("0001");
      expect(datagram.subarray(4, 8).toString("hex")).toBe("2112a442");
      expect(datagram.readUInt16BE(2) + 20).toBe(datagram.length);
    }),
    { numRuns: 5000 },
  );
});

it("never answers with more than 1.6 times what came: over IPv4 in bytes of the datagram, over IPv6 of the packet", () => {
  let answered = 0;
  fc.assert(
    fc.property(anyDatagram, ipv4, ipv6, (datagram, fourth, sixth) => {
      const read = readRequest(datagram);
      if (typeof read === "string") return;
      answered += 1;

      expect(answerTo(datagram, read, fourth).length).toBeLessThanOrEqual(MAX_RATIO * datagram.length);
      const packetBytes = answerTo(datagram, read, sixth).length + IPV6_HEADERS_BYTES;
      expect(packetBytes).toBeLessThanOrEqual(MAX_RATIO * (datagram.length + IPV6_HEADERS_BYTES));
    }),
    { numRuns: 5000 },
  );
  expect(answered).toBeGreaterThan(500);
});

it("answers with a whole message of its own: the length, the cookie and the transaction of the request", () => {
  fc.assert(
    fc.property(request, fc.oneof(ipv4, ipv6), (datagram, source) => {
      const read = readRequest(datagram);
      if (typeof read === "string") return;

      const answer = answerTo(datagram, read, source);

      expect(answer.readUInt16BE(2) + 20).toBe(answer.length);
      expect(answer.length % 4).toBe(0);
      expect(answer.subarray(4, 20)).toEqual(datagram.subarray(4, 20));
      expect(readRequest(answer)).toBe("not-a-request");
    }),
  );
});

it("never throws where it may tell of behaviour either, and tells it in 76 bytes at most, with errors as small as ever", () => {
  let toldCount = 0;
  fc.assert(
    fc.property(anyDatagram, ipv4, (datagram, source) => {
      const read = readRequest(datagram, { isDiscovery: true });
      if (typeof read === "string") return;
      const isTold = read.unknown.length === 0;
      toldCount += isTold ? 1 : 0;

      const answer = answerTo(datagram, read, source, { origin: source, other: source });

      expect(answer.length).toBeLessThanOrEqual(isTold ? 76 : MAX_RATIO * datagram.length);
    }),
    { numRuns: 5000 },
  );
  expect(toldCount).toBeGreaterThan(100);
});
