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
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
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
/** RFC 5780 section 7.2: the bits of CHANGE-REQUEST. */
const CHANGE = { bytes: 4, address: 0x04, port: 0x02 } as const;
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
  /** From where else than it was sent to the answer is to come. */
  readonly change: Change | undefined;
};

/** RFC 5780 section 7.2: whether an answer is to come from the other address, and from the other port. */
export type Change = { readonly address: boolean; readonly port: boolean };

/** An address and a port: `address` has 4 or 16 bytes. */
export type Endpoint = { readonly address: Uint8Array; readonly port: number };

/** What a client that asks for the behaviour of its NAT is told (RFC 5780). */
export type Discovery = {
  /** From where the answer is sent. */
  readonly origin: Endpoint;
  /** What differs in address and port from where the request was sent to. */
  readonly other: Endpoint;
};

/**
 * Reads a Binding request (RFC 8489 section 6.3). Never throws, whatever the bytes are. A message without the cookie, as of
 * RFC 3489, is no STUN here: it cannot be told from other protocols.
 * @param isDiscovery whether CHANGE-REQUEST is understood.
 */
export function readRequest(
  datagram: Buffer,
  { isDiscovery }: { readonly isDiscovery: boolean } = { isDiscovery: false },
): Request | NoRequest {
  const byteCount = datagram.length;
  if (byteCount < HEADER_BYTES || datagram.readUInt32BE(COOKIE_OFFSET) !== COOKIE) return "not-stun";
  const type = datagram.readUInt16BE(0);
  // Section 5: the first two bits are 0.
  if (type > 0x3fff) return "not-stun";
  const isWhole = datagram.readUInt16BE(2) === byteCount - HEADER_BYTES && byteCount % WORD_BYTES === 0;
  if (!isWhole || byteCount > MAX_REQUEST_BYTES) return "malformed";
  return type === BINDING_REQUEST ? readAttributes(datagram, isDiscovery) : "not-a-request";
}

function readAttributes(request: Buffer, isDiscovery: boolean): Request | NoRequest {
  const unknown = new Set<number>();
  let change: Change | undefined;
  let isProtected = false;
  let offset = HEADER_BYTES;
  while (offset < request.length) {
    const type = request.readUInt16BE(offset);
    const valueBytes = request.readUInt16BE(offset + 2);
    const end = offset + ATTRIBUTE_HEADER_BYTES + Math.ceil(valueBytes / WORD_BYTES) * WORD_BYTES;
    if (end > request.length) return "malformed";
    if (type === Attribute.fingerprint) return readFingerprint(request, offset, { unknown: [...unknown], change });
    // Section 14.5: what follows the integrity is not protected, and passed over.
    if (!isProtected && isDiscovery && type === Attribute.changeRequest) {
      if (valueBytes !== CHANGE.bytes) return "malformed";
      // Section 14: of two of a kind the first one counts.
      change ??= readChange(request.readUInt32BE(offset + ATTRIBUTE_HEADER_BYTES));
    } else if (!isProtected && type < FIRST_OPTIONAL && !KNOWN.has(type)) unknown.add(type);
    isProtected ||= type === Attribute.messageIntegrity || type === Attribute.messageIntegritySha256;
    offset = end;
  }
  return { hasFingerprint: false, unknown: [...unknown], change };
}

function readChange(flags: number): Change {
  return { address: (flags & CHANGE.address) !== 0, port: (flags & CHANGE.port) !== 0 };
}

/** RFC 8489 section 14.7: it is the last attribute, and is made of all that stands before it. */
function readFingerprint(request: Buffer, offset: number, read: Omit<Request, "hasFingerprint">): Request | NoRequest {
  if (offset + FINGERPRINT_BYTES !== request.length || request.readUInt16BE(offset + 2) !== 4) return "malformed";
  return request.readUInt32BE(offset + ATTRIBUTE_HEADER_BYTES) === fingerprintOf(request.subarray(0, offset))
    ? { ...read, hasFingerprint: true }
    : "wrong-fingerprint";
}

/** @param message with a length in its header that counts the fingerprint already. */
function fingerprintOf(message: Buffer): number {
  return (crc32(message) ^ FINGERPRINT_XOR) >>> 0;
}

/**
 * The answer to a request: the address that it came from, or 420 with what was not understood. 32 bytes for 20 over IPv4,
 * and 44 over IPv6, whose addresses are 12 bytes longer. README.md says why no such answer is more than 1.6 times its
 * request, and what is done where it has to be.
 * @param datagram what `readRequest` read.
 * @param discovery left out: the answer has nothing of RFC 5780. With it, it is 68 bytes for 20 over IPv4, 116 over IPv6.
 */
export function answerTo(datagram: Buffer, request: Request, source: Endpoint, discovery?: Discovery): Buffer {
  const isUnderstood = request.unknown.length === 0;
  const body = isUnderstood ? foundAttributes(datagram, source, discovery) : refusalAttributes(request.unknown);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(isUnderstood ? BINDING_SUCCESS : BINDING_ERROR, 0);
  const bodyBytes = body.reduce((sum, { length }) => sum + length, 0);
  header.writeUInt16BE(bodyBytes + (request.hasFingerprint ? FINGERPRINT_BYTES : 0), 2);
  // Cookie and transaction id are those of the request.
  datagram.copy(header, COOKIE_OFFSET, COOKIE_OFFSET, HEADER_BYTES);
  const answer = Buffer.concat([header, ...body]);
  if (!request.hasFingerprint) return answer;
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE(fingerprintOf(answer));
  return Buffer.concat([answer, attribute(Attribute.fingerprint, fingerprint)]);
}

/** RFC 5780 section 6.1: what an answer tells besides; without that, the one address (RFC 8489 section 6.3.1). */
function foundAttributes(datagram: Buffer, source: Endpoint, discovery: Discovery | undefined): readonly Buffer[] {
  const found = attribute(Attribute.xorMappedAddress, hiddenAddressValue(datagram, source));
  if (discovery === undefined) return [found];
  return [
    found,
    attribute(Attribute.mappedAddress, addressValue(source)),
    attribute(Attribute.responseOrigin, addressValue(discovery.origin)),
    attribute(Attribute.otherAddress, addressValue(discovery.other)),
  ];
}

/** RFC 8489 section 14.1. */
function addressValue({ address, port }: Endpoint): Buffer {
  const value = Buffer.alloc(WORD_BYTES + address.length);
  value.writeUInt16BE(address.length === IPV4_BYTES ? FAMILY.ipv4 : FAMILY.ipv6, 0);
  value.writeUInt16BE(port, 2);
  value.set(address, WORD_BYTES);
  return value;
}

/** RFC 8489 section 14.2: cookie and transaction id hide the address from what rewrites addresses on the way. */
function hiddenAddressValue(datagram: Buffer, { address, port }: Endpoint): Buffer {
  const hidden = address.map((byte, index) => byte ^ datagram.readUInt8(COOKIE_OFFSET + index));
  return addressValue({ address: hidden, port: port ^ (COOKIE >>> 16) });
}

/** RFC 8489 sections 14.8 and 14.13: 420, without a phrase, and the types that were not understood. */
function refusalAttributes(unknown: readonly number[]): readonly Buffer[] {
  const code = Buffer.alloc(WORD_BYTES);
  code.writeUInt16BE(0x0414, 2);
  const types = Buffer.alloc(2 * unknown.length);
  for (const [index, type] of unknown.entries()) types.writeUInt16BE(type, 2 * index);
  return [attribute(Attribute.errorCode, code), attribute(Attribute.unknownAttributes, types)];
}

/** RFC 8489 section 14: the length is that of the value; what follows is filled up with zeros. */
function attribute(type: number, value: Buffer): Buffer {
  const whole = Buffer.alloc(ATTRIBUTE_HEADER_BYTES + Math.ceil(value.length / WORD_BYTES) * WORD_BYTES);
  whole.writeUInt16BE(type, 0);
  whole.writeUInt16BE(value.length, 2);
  value.copy(whole, ATTRIBUTE_HEADER_BYTES);
  return whole;
}
