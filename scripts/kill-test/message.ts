/** Kind u8, sender u16, seq u32, sent-at f64, and the size of it all u32; then bytes that follow from these; big-endian. */
const HEADER_BYTES = 19;

const fillings: Buffer[] = [];

/** `hello` says that its sender is there; only `counted` ones are in the ledger. */
type Kind = "hello" | "counted";

/** What a message says of itself. */
export type Stamp = { readonly kind: Kind; readonly sender: number; readonly seq: number; readonly sentAtMs: number };

/** A message of this many bytes, at least 19. */
export function encodeMessage({ kind, sender, seq, sentAtMs }: Stamp, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(fillerOf(sender, seq), HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind === "counted" ? 1 : 0);
  view.setUint16(1, sender);
  view.setUint32(3, seq);
  view.setFloat64(7, sentAtMs);
  view.setUint32(15, sizeBytes);
  return bytes;
}

/** @returns undefined where it is not as it was sent, to the last byte. */
export function decodeMessage(bytes: Uint8Array): Stamp | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint32(15) !== bytes.length) return undefined;
  const sender = view.getUint16(1);
  const seq = view.getUint32(3);
  const filler = fillerOf(sender, seq);
  if (Buffer.compare(bytes.subarray(HEADER_BYTES), filling(filler, bytes.length - HEADER_BYTES)) !== 0)
    return undefined;
  return { kind: view.getUint8(0) === 1 ? "counted" : "hello", sender, seq, sentAtMs: view.getFloat64(7) };
}

function fillerOf(sender: number, seq: number): number {
  return (sender * 31 + seq) & 0xff;
}

/** So many bytes of this value. Compared as memory: byte by byte it took 6 % of what ten members cost. */
function filling(filler: number, sizeBytes: number): Uint8Array {
  const known = fillings[filler];
  if (known !== undefined && known.length >= sizeBytes) return known.subarray(0, sizeBytes);
  return (fillings[filler] = Buffer.alloc(sizeBytes, filler));
}
