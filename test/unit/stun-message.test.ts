import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { addressBytes } from "../../relay/limits/address.ts";
import { answerTo, MAX_REQUEST_BYTES, readRequest } from "../../relay/stun/message.ts";
import { bindingRequest, changeRequest } from "../support/stun-client.ts";

type Vector = { readonly response: string; readonly address: string; readonly port: number };
const vectors = JSON.parse(readFileSync("test/conformance/stun/rfc5769.json", "utf8")) as {
  readonly request: string;
  readonly ipv4: Vector;
  readonly ipv6: Vector;
};

const CHANGE_REQUEST = attribute(0x0003, Buffer.alloc(4));
const SOFTWARE = attribute(0x8022, Buffer.from("abc"));

function attribute(type: number, value: Buffer, length = value.length): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(length, 2);
  value.copy(padded, 4);
  return padded;
}

/** A request with a FINGERPRINT behind its attributes, made by the clause: RFC 8489 section 14.7. */
function withFingerprint(attributes: Buffer = Buffer.alloc(0), spoil = 0): Buffer {
  const request = bindingRequest(1, Buffer.concat([attributes, attribute(0x8028, Buffer.alloc(4))]));
  request.writeUInt32BE((crc32(request.subarray(0, -8)) ^ 0x5354554e ^ spoil) >>> 0, request.length - 4);
  return request;
}

function answerFor(request: Buffer, address = "192.0.2.1", port = 32_853): Buffer {
  const read = readRequest(request);
  if (typeof read === "string") throw new Error(`it is ${read}`);
  return answerTo(request, read, { address: addressBytes(address), port });
}

const DISCOVERY = { isDiscovery: true };

/** An answer that tells of behaviour. */
function discoveredFor(request: Buffer, address: string): Buffer {
  const read = readRequest(request, DISCOVERY);
  if (typeof read === "string") throw new Error(`it is ${read}`);
  const [origin, other] = [1, 2].map((port) => ({ address: addressBytes(address), port: 3477 + port }));
  if (origin === undefined || other === undefined) throw new Error("two places");
  return answerTo(request, read, { address: addressBytes(address), port: 32_853 }, { origin, other });
}

describe("the vectors of RFC 5769", () => {
  it("takes the request, with the FINGERPRINT that it has, and refuses what only ICE understands", () => {
    const request = Buffer.from(vectors.request, "hex");

    expect(readRequest(request)).toEqual({ hasFingerprint: true, unknown: [0x0024] });
  });

  it.each([vectors.ipv4, vectors.ipv6])("writes the address as the response does: $address", (vector) => {
    const response = Buffer.from(vector.response, "hex");
    const transaction = response.subarray(8, 20);
    const request = Buffer.concat([bindingRequest().subarray(0, 8), transaction]);

    const answer = answerFor(request, vector.address, vector.port);

    const attributeBytes = vector.address.includes(":") ? 24 : 12;
    const start = response.indexOf(Buffer.from("0020", "hex"), 20);
    expect(answer.subarray(20).toString("hex")).toBe(response.subarray(start, start + attributeBytes).toString("hex"));
    expect(answer.subarray(8, 20)).toEqual(transaction);
  });

  it.each([vectors.ipv4, vectors.ipv6])(
    "answers no response, so that two responders cannot talk: $address",
    (vector) => {
      expect(readRequest(Buffer.from(vector.response, "hex"))).toBe("not-a-request");
    },
  );

  it("is silent where one bit of the request is another", () => {
    const request = Buffer.from(vectors.request, "hex");
    request.writeUInt8(request.readUInt8(24) ^ 1, 24);

    expect(readRequest(request)).toBe("wrong-fingerprint");
  });
});

it("answers the request of Chromium and of stun.py, 20 bytes without attributes, with 32", () => {
  const request = Buffer.from("000100002112a442ffa5ab73dcd4020cc22ac223", "hex");

  const answer = answerFor(request, "127.0.0.1", 39_983);

  expect(answer.toString("hex")).toBe("0101000c2112a442ffa5ab73dcd4020cc22ac223002000080001bd3d5e12a443");
});

it("answers over IPv6 with 44 bytes", () => {
  expect(answerFor(bindingRequest(), "2001:db8::1")).toHaveLength(44);
});

it("has a FINGERPRINT in the answer where the request has one, as its last attribute, and only there", () => {
  const answer = answerFor(withFingerprint());

  expect(answer).toHaveLength(40);
  expect(answer.subarray(32, 36).toString("hex")).toBe("80280004");
  expect(answer.readUInt32BE(36)).toBe((crc32(answer.subarray(0, 32)) ^ 0x5354554e) >>> 0);
  expect(answer.readUInt16BE(2)).toBe(20);
  expect(answerFor(bindingRequest(1, SOFTWARE)).includes(Buffer.from("80280004", "hex"))).toBe(false);
});

it("refuses attributes that it has to understand and does not with 420, names each once and in order", () => {
  const attributes = Buffer.concat([CHANGE_REQUEST, SOFTWARE, attribute(0x7fff, Buffer.alloc(0)), CHANGE_REQUEST]);

  const answer = answerFor(bindingRequest(7, attributes));

  expect(answer.toString("hex")).toBe("011100102112a4420000000000000000000000070009000400000414000a000400037fff");
});

it("pads what it does not understand to whole words, and has a FINGERPRINT there too", () => {
  const answer = answerFor(withFingerprint(CHANGE_REQUEST));

  expect(answer.subarray(20, 36).toString("hex")).toBe("0009000400000414000a000200030000");
  expect(answer.readUInt32BE(40)).toBe((crc32(answer.subarray(0, 36)) ^ 0x5354554e) >>> 0);
});

it("passes over what RFC 8489 knows and nothing asks for, what is optional, and what stands behind the integrity", () => {
  const integrity = attribute(0x0008, Buffer.alloc(20));
  const attributes = Buffer.concat([attribute(0x0006, Buffer.from("me")), SOFTWARE, integrity, CHANGE_REQUEST]);

  expect(readRequest(bindingRequest(1, attributes))).toEqual({ hasFingerprint: false, unknown: [] });
});

it.each([
  ["nothing", Buffer.alloc(0), "not-stun"],
  ["19 bytes", bindingRequest().subarray(0, 19), "not-stun"],
  [
    "another cookie, as of RFC 3489",
    Buffer.concat([Buffer.from("00010000deadbeef", "hex"), Buffer.alloc(12)]),
    "not-stun",
  ],
  ["TURN's channel data", Buffer.concat([Buffer.from("400100102112a442", "hex"), Buffer.alloc(12)]), "not-stun"],
  ["a length above what came", bindingRequest(1, SOFTWARE).subarray(0, 24), "malformed"],
  ["bytes behind the length", Buffer.concat([bindingRequest(), Buffer.alloc(4)]), "malformed"],
  ["a length that is no multiple of 4", bindingRequest(1, Buffer.alloc(5)), "malformed"],
  ["an attribute longer than the message", bindingRequest(1, attribute(0x8022, Buffer.alloc(4), 5)), "malformed"],
  ["an attribute of 65,535 bytes", bindingRequest(1, attribute(0x8022, Buffer.alloc(4), 65_535)), "malformed"],
  [
    "a FINGERPRINT that is not the last",
    bindingRequest(1, Buffer.concat([withFingerprint().subarray(20), SOFTWARE])),
    "malformed",
  ],
  ["a FINGERPRINT of 3 bytes", bindingRequest(1, attribute(0x8028, Buffer.alloc(4), 3)), "malformed"],
  ["a wrong FINGERPRINT", withFingerprint(SOFTWARE, 1), "wrong-fingerprint"],
  ["an indication", Buffer.from("001100002112a442ffa5ab73dcd4020cc22ac223", "hex"), "not-a-request"],
  ["a success response", Buffer.from("010100002112a442ffa5ab73dcd4020cc22ac223", "hex"), "not-a-request"],
  ["an error response", Buffer.from("011100002112a442ffa5ab73dcd4020cc22ac223", "hex"), "not-a-request"],
  ["TURN's Allocate", Buffer.from("000300002112a442ffa5ab73dcd4020cc22ac223", "hex"), "not-a-request"],
] as const)("is silent at %s", (_what, datagram, reason) => {
  expect(readRequest(datagram)).toBe(reason);
});

function requestOf(byteCount: number): Buffer {
  return bindingRequest(1, attribute(0x8022, Buffer.alloc(byteCount - 24)));
}

it("takes a request as long as a packet, and none that is longer", () => {
  expect(readRequest(requestOf(MAX_REQUEST_BYTES))).toEqual({ hasFingerprint: false, unknown: [] });
  expect(readRequest(requestOf(MAX_REQUEST_BYTES + 4))).toBe("malformed");
});

describe("behaviour discovery (RFC 5780)", () => {
  it("tells four addresses, the hidden one first", () => {
    const answer = discoveredFor(bindingRequest(), "192.0.2.1");

    const hidden = "002000080001a147e112a643";
    const plain = ["0001", "802b", "802c"].map((type, index) => {
      const port = [32_853, 3478, 3479][index] ?? 0;
      return `${type}00080001${port.toString(16).padStart(4, "0")}c0000201`;
    });
    expect(answer.subarray(20).toString("hex")).toBe([hidden, ...plain].join(""));
    expect(answer).toHaveLength(68);
  });

  it("takes 116 bytes over IPv6, and has a FINGERPRINT where the request has one", () => {
    expect(discoveredFor(bindingRequest(), "2001:db8::1")).toHaveLength(116);
    const answer = discoveredFor(withFingerprint(CHANGE_REQUEST), "192.0.2.1");
    expect(answer.readUInt32BE(72)).toBe((crc32(answer.subarray(0, 68)) ^ 0x5354554e) >>> 0);
  });

  it.each([
    [0, { address: false, port: false }],
    [2, { address: false, port: true }],
    [4, { address: true, port: false }],
    [6, { address: true, port: true }],
    [0xf9, { address: false, port: false }],
  ])("reads the flags of CHANGE-REQUEST: %d", (flags, change) => {
    expect(readRequest(changeRequest(flags), DISCOVERY)).toMatchObject({ unknown: [], change });
  });

  it("takes the first of two CHANGE-REQUESTs, and none behind the integrity", () => {
    const [first, second] = [2, 4].map((flags) => changeRequest(flags).subarray(20));
    const integrity = attribute(0x0008, Buffer.alloc(20));
    const twice = bindingRequest(1, Buffer.concat([first ?? CHANGE_REQUEST, second ?? CHANGE_REQUEST]));
    const behind = bindingRequest(1, Buffer.concat([integrity, CHANGE_REQUEST]));

    expect(readRequest(twice, DISCOVERY)).toMatchObject({ change: { address: false, port: true } });
    expect(readRequest(behind, DISCOVERY)).toMatchObject({ change: undefined, unknown: [] });
  });

  it.each([0, 3, 8])("is silent at a CHANGE-REQUEST of %d bytes", (byteCount) => {
    const request = bindingRequest(1, attribute(0x0003, Buffer.alloc(byteCount)));

    expect(readRequest(request, DISCOVERY)).toBe("malformed");
  });

  it.each([
    ["PADDING", 0x0026],
    ["RESPONSE-PORT", 0x0027],
  ])("refuses %s: it would make an answer larger, or send it where nobody asked", (_name, type) => {
    const request = bindingRequest(1, attribute(type, Buffer.alloc(4)));

    expect(readRequest(request, DISCOVERY)).toMatchObject({ unknown: [type] });
  });
});
