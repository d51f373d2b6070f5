import { HEALTH_NAME } from "../tls/health-name.ts";

/** RFC 8446 section 5.1: the type of a record; and section 4: of a message in it. */
const HANDSHAKE_RECORD = 0x16;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
/** Where the type of the first message stands: behind the record's type, version and length. */
const MESSAGE_AT = 5;

/** RFC 8446 section 4.1.2. The relay forgets it with the connection, so it need not be random. */
const RANDOM = Buffer.alloc(32, 7);

const extensionTypes = { serverName: 0, groups: 10, signatures: 13, versions: 43, keyShare: 51 };

/**
 * The beginning of a TLS 1.3 handshake that is not meant to go on. It brings no key, so that the answer is a
 * HelloRetryRequest (RFC 8446 section 4.1.4), which costs the relay neither a signature nor a key.
 *
 * | offset | size | meaning |
 * |---|---|---|
 * | 0 | 5 | record: type 0x16, version 0x0301, length |
 * | 5 | 4 | message: type 1, length |
 * | 9 | 2 | version 0x0303 |
 * | 11 | 32 | random |
 * | 43 | 1 | length of the session id, 0 |
 * | 44 | 4 | length of the cipher suites, TLS_AES_128_GCM_SHA256 |
 * | 48 | 2 | length of the compression methods, none |
 * | 50 | 2 | length of the extensions |
 * | 52 | .. | extensions: type and length, 2 each, and what they say |
 */
export function clientHello(): Buffer {
  const name = Buffer.from(HEALTH_NAME);
  const extensions = Buffer.concat([
    extension(extensionTypes.serverName, [...uint16(name.length + 3), 0, ...uint16(name.length), ...name]),
    // TLS 1.3 alone.
    extension(extensionTypes.versions, [2, ...uint16(0x0304)]),
    // X25519, and no key of it.
    extension(extensionTypes.groups, [...uint16(2), ...uint16(0x001d)]),
    extension(extensionTypes.keyShare, uint16(0)),
    // Of ECDSA, RSA-PSS and Ed25519.
    extension(extensionTypes.signatures, [...uint16(6), ...uint16(0x0403), ...uint16(0x0804), ...uint16(0x0807)]),
  ]);
  const body = Buffer.from([
    ...uint16(0x0303),
    ...RANDOM,
    0,
    ...uint16(2),
    ...uint16(0x1301),
    1,
    0,
    ...uint16(extensions.length),
    ...extensions,
  ]);
  const message = Buffer.from([CLIENT_HELLO, 0, ...uint16(body.length), ...body]);
  return Buffer.from([HANDSHAKE_RECORD, ...uint16(0x0301), ...uint16(message.length), ...message]);
}

/** Whether these bytes begin what a TLS server says first; undefined while more of them have to come. */
export function isServerHello(bytes: Buffer): boolean | undefined {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE_RECORD) return false;
  return bytes.length <= MESSAGE_AT ? undefined : bytes[MESSAGE_AT] === SERVER_HELLO;
}

function extension(type: number, content: readonly number[]): Buffer {
  return Buffer.from([...uint16(type), ...uint16(content.length), ...content]);
}

function uint16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}
