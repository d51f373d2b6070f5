import { crc32 } from "node:zlib";

/** RFC 8489 section 5: type, length, cookie and transaction id stand before the attributes. */
const HEADER_BYTES = 20;
const COOKIE = 0x2112a442;
const COOKIE_OFFSET = 4;
/** What one packet of most networks carries; a request that is longer is none that a client has reason to send. */
export const MAX_REQUEST_BYTES = 1500;

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;

/** RFC 8489 section 14: the type and the length of an attribute. What follows is filled up to whole words. */
const ATTRIBUTE_HEADER_BYTES = 4;
const WORD_BYTES = 4;
const Attribute = {
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
} as const;
/** Types below it have to be understood; the others may be passed over. */
const FIRST_OPTIONAL = 0x8000;
/**
 * What RFC 8489 itself defines below that: known and, where nothing asks for it, passed over (section 6.3.1). What ICE and
 * RFC 5780 add is not among them.
 */
const KNOWN: ReadonlySet<number> = new Set([
  0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020,
]);
const FINGERPRINT_BYTES = 8;
/** RFC 8489 section 14.7: ASCII "STUN". */
const FINGERPRINT_XOR = 0x5354554e;
/** RFC 8489 section 14.1. */
const FAMILY = { ipv4: 1, ipv6: 2 } as const;
const IPV4_BYTES = 4;

/** Why a datagram is no request that gets an answer. */
export type NoRequest = "not-stun" | "malformed" | "not-a-request" | "wrong-fingerprint";

/** What the answer to a Binding request depends on, besides who asks. */
export type Request = {
  /** Where the answer is to have one too. */
  readonly hasFingerprint: boolean;
  /** Types of attributes that have to be understood and are not, each once, in their order. */
  readonly unknown: readonly number[];
};

/** Who asks. `address`: 4 or 16 bytes. */
export type Source = { readonly address: Uint8Array; readonly port: number };

/**
 * Reads a Binding request (RFC 8489 section 6.3). Never throws, whatever the bytes are. A message without the cookie, as of
 * RFC 3489, is no STUN here: it cannot be told from other protocols.
 */
export function readRequest(datagram: Buffer): Request | NoRequest {
  const byteCount = datagram.length;
  if (byteCount < HEADER_BYTES || datagram.readUInt32BE(COOKIE_OFFSET) !== COOKIE) return "not-stun";
  const type = datagram.readUInt16BE(0);
  // Section 5: the first two bits are 0.
  if (type > 0x3fff) return "not-stun";
  const isWhole = datagram.readUInt16BE(2) === byteCount - HEADER_BYTES && byteCount % WORD_BYTES === 0;
  if (!isWhole || byteCount > MAX_REQUEST_BYTES) return "malformed";
  return type === BINDING_REQUEST ? readAttributes(datagram) : "not-a-request";
}

function readAttributes(request: Buffer): Request | NoRequest {
  const unknown = new Set<number>();
  let isProtected = false;
  let offset = HEADER_BYTES;
  while (offset < request.length) {
    const type = request.readUInt16BE(offset);
    const valueBytes = request.readUInt16BE(offset + 2);
    const end = offset + ATTRIBUTE_HEADER_BYTES + Math.ceil(valueBytes / WORD_BYTES) * WORD_BYTES;
    if (end > request.length) return "malformed";
    if (type === Attribute.fingerprint) return readFingerprint(request, offset, [...unknown]);
    // Section 14.5: what follows the integrity is not protected, and passed over.
    if (type < FIRST_OPTIONAL && !KNOWN.has(type) && !isProtected) unknown.add(type);
    isProtected ||= type === Attribute.messageIntegrity || type === Attribute.messageIntegritySha256;
    offset = end;
  }
  return { hasFingerprint: false, unknown: [...unknown] };
}

/** RFC 8489 section 14.7: it is the last attribute, and is made of all that stands before it. */
function readFingerprint(request: Buffer, offset: number, unknown: readonly number[]): Request | NoRequest {
  if (offset + FINGERPRINT_BYTES !== request.length || request.readUInt16BE(offset + 2) !== 4) return "malformed";
  return request.readUInt32BE(offset + ATTRIBUTE_HEADER_BYTES) === fingerprintOf(request.subarray(0, offset))
    ? { hasFingerprint: true, unknown }
    : "wrong-fingerprint";
}

/** @param message with a length in its header that counts the fingerprint already. */
function fingerprintOf(message: Buffer): number {
  return (crc32(message) ^ FINGERPRINT_XOR) >>> 0;
}

/**
 * The answer to a request: the address that it came from, or 420 with what was not understood. 32 bytes for 20 over IPv4,
 * and 44 over IPv6, whose addresses are 12 bytes longer. README.md says why no answer is more than 1.6 times its request.
 * @param datagram what `readRequest` read.
 */
export function answerTo(datagram: Buffer, { hasFingerprint, unknown }: Request, source: Source): Buffer {
  const isUnderstood = unknown.length === 0;
  const bodyBytes = isUnderstood ? mappedAddressBytes(source) : refusalBytes(unknown);
  const answer = Buffer.alloc(HEADER_BYTES + bodyBytes + (hasFingerprint ? FINGERPRINT_BYTES : 0));
  answer.writeUInt16BE(isUnderstood ? BINDING_SUCCESS : BINDING_ERROR, 0);
  answer.writeUInt16BE(answer.length - HEADER_BYTES, 2);
  // Cookie and transaction id are those of the request.
  datagram.copy(answer, COOKIE_OFFSET, COOKIE_OFFSET, HEADER_BYTES);
  if (isUnderstood) writeMappedAddress(answer, source);
  else writeRefusal(answer, unknown);
  if (hasFingerprint) {
    const offset = writeAttributeHeader(answer, HEADER_BYTES + bodyBytes, Attribute.fingerprint, 4);
    answer.writeUInt32BE(fingerprintOf(answer.subarray(0, HEADER_BYTES + bodyBytes)), offset);
  }
  return answer;
}

function mappedAddressBytes({ address }: Source): number {
  return ATTRIBUTE_HEADER_BYTES + WORD_BYTES + address.length;
}

/** RFC 8489 section 14.2: cookie and transaction id hide the address from what rewrites addresses on the way. */
function writeMappedAddress(answer: Buffer, { address, port }: Source): void {
  const offset = writeAttributeHeader(
    answer,
    HEADER_BYTES,
    Attribute.xorMappedAddress,
    mappedAddressBytes({ address, port }) - ATTRIBUTE_HEADER_BYTES,
  );
  answer.writeUInt16BE(address.length === IPV4_BYTES ? FAMILY.ipv4 : FAMILY.ipv6, offset);
  answer.writeUInt16BE(port ^ (COOKIE >>> 16), offset + 2);
  for (const [index, byte] of address.entries()) {
    answer[offset + WORD_BYTES + index] = byte ^ answer.readUInt8(COOKIE_OFFSET + index);
  }
}

function refusalBytes(unknown: readonly number[]): number {
  return 2 * ATTRIBUTE_HEADER_BYTES + WORD_BYTES + Math.ceil((2 * unknown.length) / WORD_BYTES) * WORD_BYTES;
}

/** RFC 8489 sections 14.8 and 14.13: 420, without a phrase, and the types that were not understood. */
function writeRefusal(answer: Buffer, unknown: readonly number[]): void {
  const codeOffset = writeAttributeHeader(answer, HEADER_BYTES, Attribute.errorCode, WORD_BYTES);
  answer.writeUInt16BE(0x0414, codeOffset + 2);
  let offset = writeAttributeHeader(answer, codeOffset + WORD_BYTES, Attribute.unknownAttributes, 2 * unknown.length);
  for (const type of unknown) offset = answer.writeUInt16BE(type, offset);
}

/** @returns where the value begins. */
function writeAttributeHeader(answer: Buffer, offset: number, type: number, valueBytes: number): number {
  answer.writeUInt16BE(type, offset);
  return answer.writeUInt16BE(valueBytes, offset + 2);
}
