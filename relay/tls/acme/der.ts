/** One element of DER (ITU-T X.690): its tag, and what is in it. */
export type DerElement = { readonly tag: number; readonly content: Buffer };

/** The tags that certificates are made of (X.690 section 8.1.2, X.680 section 8.6). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONTEXT_SPECIFIC = 0x80;
const CONSTRUCTED = 0x20;

/** The tag of a member that has a number of its own, and a plain value. */
export function contextTag(number: number): number {
  return CONTEXT_SPECIFIC | number;
}

/** The tag of a member that has a number of its own, and elements in it. */
export function constructedContextTag(number: number): number {
  return CONTEXT_SPECIFIC | CONSTRUCTED | number;
}

/** Writes one element. */
export function derOf(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(content.length), content]);
}

/** X.690 section 8.1.3: one octet up to 127, else the number of octets and then they. */
function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const digits = length.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  return Buffer.concat([Buffer.from([0x80 | octets.length]), octets]);
}

/** Reads the elements that follow each other in some bytes. @throws RangeError where they are no DER. */
export function readDer(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const tag = bytes.readUInt8(offset);
    const first = bytes.readUInt8(offset + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = offset + 2 + lengthBytes;
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytes);
    if (start + length > bytes.length) throw new RangeError("An element is longer than what it is in");
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    offset = start + length;
  }
  return elements;
}
