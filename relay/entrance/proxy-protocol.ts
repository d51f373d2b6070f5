import { isIP } from "node:net";
import { plainAddress } from "../limits/address.ts";

/**
 * The PROXY protocol (haproxy.org, "The PROXY protocol, versions 1 & 2"): what a load balancer sends ahead of the bytes
 * of its client, to say who that is.
 *
 * Version 1 is a line of at most 107 bytes: `PROXY TCP4 <source> <destination> <port> <port>\r\n`, or `PROXY UNKNOWN ...`.
 *
 * | version 2: offset | size | meaning |
 * |---|---|---|
 * | 0 | 12 | `0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A` |
 * | 12 | 1 | high 4 bits: version, 2; low 4 bits: 0 LOCAL (its own connection, such as a health check), 1 PROXY |
 * | 13 | 1 | 0x11: TCP over IPv4, 0x21: TCP over IPv6; others tell no address |
 * | 14 | 2 | size of what follows, big-endian |
 * | 16 | 4 or 16 | source address; then destination address, two ports, and what else the proxy wants to say |
 */
const V2_SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const V2_HEAD_BYTES = 16;
const V1_START = Buffer.from("PROXY ");
/** Section 2.1: the longest line, with its CRLF. */
const V1_MAX_BYTES = 107;
/** Of version 2: 36 bytes are the addresses; the rest is for what proxies add, such as the names in a certificate. */
const V2_MAX_BYTES = 4096;

const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** Of an address block: two addresses and two ports. */
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

/** What a header says. `source`: the client; undefined where the proxy speaks for itself, or does not know. */
export type ProxyHeader =
  | { readonly outcome: "whole"; readonly source: string | undefined; readonly byteCount: number }
  | { readonly outcome: "incomplete" }
  | { readonly outcome: "broken" };

const INCOMPLETE: ProxyHeader = { outcome: "incomplete" };
const BROKEN: ProxyHeader = { outcome: "broken" };

/** Reads the header at the beginning of a connection. "incomplete": more bytes are needed, and they are bounded. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (isStartOf(bytes, V2_SIGNATURE)) return readV2(bytes);
  return isStartOf(bytes, V1_START) ? readV1(bytes) : BROKEN;
}

/** Whether one begins with the other, as far as both go. */
function isStartOf(bytes: Buffer, start: Buffer): boolean {
  const count = Math.min(bytes.length, start.length);
  return bytes.subarray(0, count).equals(start.subarray(0, count));
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf("\r\n");
  if (end === -1) return bytes.length < V1_MAX_BYTES ? INCOMPLETE : BROKEN;
  const byteCount = end + 2;
  const [, family, source = "", destination = "", ...ports] = bytes.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { outcome: "whole", source: undefined, byteCount };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : undefined;
  if (version === undefined || isIP(source) !== version || isIP(destination) !== version) return BROKEN;
  return ports.length === 2 && ports.every(isPort)
    ? { outcome: "whole", source: plainAddress(source), byteCount }
    : BROKEN;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function readV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_HEAD_BYTES) return INCOMPLETE;
  const command = bytes.readUInt8(12);
  const blockBytes = bytes.readUInt16BE(14);
  const byteCount = V2_HEAD_BYTES + blockBytes;
  if ((command !== LOCAL && command !== PROXY) || byteCount > V2_MAX_BYTES) return BROKEN;
  const family = bytes.readUInt8(13);
  const wantedBytes = command === LOCAL ? 0 : family === TCP4 ? TCP4_BYTES : family === TCP6 ? TCP6_BYTES : 0;
  if (blockBytes < wantedBytes) return BROKEN;
  if (bytes.length < byteCount) return INCOMPLETE;
  const source = wantedBytes === 0 ? undefined : sourceOf(bytes.subarray(V2_HEAD_BYTES, byteCount), family);
  return { outcome: "whole", source, byteCount };
}

function sourceOf(block: Buffer, family: number): string | undefined {
  if (family === TCP4) return block.subarray(0, 4).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(index * 2).toString(16));
  return plainAddress(groups.join(":"));
}
