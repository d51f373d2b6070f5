import { isIP } from "node:net";
import { addressBytes } from "../../relay/tls/address.ts";

/** A PROXY header of version 2, broken where the test wants it broken. What is left out is as a load balancer sends it. */
export type ProxyV2Options = {
  readonly source: string;
  readonly command?: number;
  readonly family?: number;
  readonly extraBytes?: number;
  readonly announcedBytes?: number;
};

/** Writes a PROXY header of version 2. */
export function proxyV2({ source, command = 0x21, family, extraBytes = 0, announcedBytes }: ProxyV2Options): Buffer {
  const from = addressBytes(source) ?? Buffer.alloc(4);
  const block = Buffer.concat([
    from,
    Buffer.alloc(from.length),
    Buffer.from("126701bb", "hex"),
    Buffer.alloc(extraBytes),
  ]);
  const head = Buffer.from("0d0a0d0a000d0a515549540a00000000", "hex");
  head.writeUInt8(command, 12);
  head.writeUInt8(family ?? (isIP(source) === 6 ? 0x21 : 0x11), 13);
  head.writeUInt16BE(announcedBytes ?? block.length, 14);
  return Buffer.concat([head, block]);
}
