/**
 * The frames between two ends: 8 bytes of header, then a body. All numbers are big-endian.
 *
 * | offset | type | meaning |
 * |---|---|---|
 * | 0 | u8 | type: 1 message, 2 sync, 3 status, 4 chunk, 5 acknowledgement; 6 proof, in sealed topics alone; 7 distance, of members on several relays alone |
 * | 1 | u8 | flags: 1 resend (message), 2 base valid (sync), 4 resume (acknowledgement), 16 no state (status), bound (chunk), 32 reply wanted (sync, acknowledgement, proof), 64 last (sync) |
 * | 2 | u48 | seq: of a message its number, of a chunk its number in the stream, else a count of control frames |
 *
 * | type | body |
 * |---|---|
 * | message | payload, at least one byte |
 * | sync | base u48, head u48, floor u48 |
 * | status | next u48, byteBudget u32, up to 256 ranges of (from u48, count u16) |
 * | chunk | stream u32, chunk |
 * | acknowledgement | stream u32, next u48, byteLimit u48 |
 * | proof | nothing |
 * | distance | roundTripMs u16: of its sender, to the relay over which it comes |
 *
 * Stream 0 carries messages, one in each chunk. Every other one carries one direction of a stream of the app, and its chunks begin
 * with a kind: `client/streams/stream-chunk.ts`. A stream's number is its sender's own: two that go in opposite directions have
 * nothing to do with each other. A stream ends by a chunk, and not by a flag: the same chunk is sealed the same each time. A bound
 * chunk is of a stream whose app seals its bytes itself: in a sealed topic nobody can change it, but it is not encrypted once more.
 */
const FRAME_HEADER_BYTES = 8;

/** The largest number that a frame holds: at a million messages a second it lasts nine years. */
export const MAX_SEQ: number = 2 ** 48 - 1;

/** More ranges in one status are never sent, and make a frame unreadable. */
export const MAX_RANGES = 256;

/** What each frame counts in buffers and budgets on top of its bytes, so that tiny ones are not free. */
export const FRAME_COST_BYTES = 64;

const MESSAGE = 1;
const SYNC = 2;
const STATUS = 3;
const CHUNK = 4;
const ACKNOWLEDGEMENT = 5;
const PROOF = 6;
const DISTANCE = 7;

const FLAG_RESEND = 1;
const FLAG_BASE = 2;
const FLAG_RESUME = 4;
const FLAG_NO_STATE = 16;
const FLAG_BOUND = 16;
const FLAG_REPLY = 32;
const FLAG_LAST = 64;

const SEQ_BYTES = 6;
const RANGE_BYTES = 8;
const STATUS_BYTES = 18;
const CHUNK_BYTES = 12;

/** Numbers from..from + count - 1. */
export type SeqRange = { readonly from: number; readonly count: number };

/** A message to all. The payload is a view of the frame where it was decoded. */
export type MessageFrame = { readonly seq: number; readonly isResend: boolean; readonly payload: Uint8Array };

/** What a sender has: its last number, the first that it can repeat, and, to one receiver, from which number on it owes. */
export type SyncFrame = {
  readonly seq: number;
  /** The receiver is owed what is above it; undefined in a frame to all. */
  readonly base: number | undefined;
  /** 0: nothing was sent. */
  readonly head: number;
  readonly floor: number;
  readonly wantsReply: boolean;
  /** The session ends: nothing follows, and nothing is repeated any more. */
  readonly isLast: boolean;
};

/** What a receiver has of the sender that it goes to, and what it asks for. */
export type StatusFrame = {
  readonly seq: number;
  /** Everything below was delivered, or told as lost. */
  readonly next: number;
  /** So many bytes of repair, with `FRAME_COST_BYTES` for each frame, it takes now: 0..4294967295. 0: its app does not read. */
  readonly byteBudget: number;
  readonly ranges: readonly SeqRange[];
  /** False: it does not know from where on it is owed, and asks for an addressed sync. */
  readonly hasState: boolean;
};

/** A part of a stream to one peer. The chunk is a view of the frame where it was decoded. */
export type ChunkFrame = {
  readonly seq: number;
  readonly stream: number;
  readonly chunk: Uint8Array;
  /** It was not encrypted, also where its topic is sealed. */
  readonly isBound: boolean;
};

/**
 * Where the two ends of a stream are.
 * - `progress`: the receiver has everything below `next`, and takes `byteLimit` bytes from there on;
 * - `resume`: the same, and what was sent from `next` on did not arrive: go on from there. With `next` 0 there is no such stream
 *   here, and `byteLimit` says why: 0 it has ended with its peer, 1 nobody takes it, 2 there are too many;
 * - `ask`, the only one that the sender says: it can send from `next` on, below `byteLimit` (a number too) everything was
 *   acknowledged, and what lies between is gone. The receiver answers with `resume`, and the sender waits for that.
 */
export type AcknowledgementFrame = {
  readonly seq: number;
  readonly stream: number;
  readonly next: number;
  readonly byteLimit: number;
  readonly purpose: "progress" | "resume" | "ask";
};

/** What a peer may send. */
export type Frame =
  | ({ readonly type: "message" } & MessageFrame)
  | ({ readonly type: "sync" } & SyncFrame)
  | ({ readonly type: "status" } & StatusFrame)
  | ({ readonly type: "chunk" } & ChunkFrame)
  | ({ readonly type: "acknowledgement" } & AcknowledgementFrame);

/** Bytes that are no frame; or one of a later version, by its type or a flag. */
export type Unusable = { readonly type: "unreadable" | "unknown-kind" };

/** What a seal sees of a frame. All but the resend flag is bound to it. */
export type FrameHead = {
  readonly kind: "message" | "chunk" | "control";
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** 0 where it is of none. */
  readonly stream: number;
  /** So many bytes are not sealed: the header, and the stream. */
  readonly clearBytes: number;
  /** What is behind them is not encrypted either, and cannot be changed all the same. */
  readonly isBound: boolean;
};

/** Reads the head of a frame: any bytes. @returns undefined: they are too few */
export function readHead(bytes: Uint8Array): FrameHead | undefined {
  if (bytes.byteLength < FRAME_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const type = view.getUint8(0);
  const hasStream = type === CHUNK || type === ACKNOWLEDGEMENT;
  const clearBytes = hasStream ? CHUNK_BYTES : FRAME_HEADER_BYTES;
  if (bytes.byteLength < clearBytes) return undefined;
  const kind = type === MESSAGE ? "message" : type === CHUNK ? "chunk" : "control";
  const stream = hasStream ? view.getUint32(FRAME_HEADER_BYTES) : 0;
  const flags = view.getUint8(1) & ~FLAG_RESEND;
  const isBound = kind === "chunk" && (flags & FLAG_BOUND) !== 0;
  return { kind, type, flags, seq: getSeq(view, 2), stream, clearBytes, isBound };
}

/** Writes the proof that its sender has the secret. `seq` is set later. */
export function encodeProof({ wantsReply }: { readonly wantsReply: boolean }): Uint8Array {
  return start(PROOF, wantsReply ? FLAG_REPLY : 0, 0, FRAME_HEADER_BYTES).frame;
}

/** Whether it is a proof. @returns undefined: it is none */
export function decodeProof({ type, flags }: FrameHead): { readonly wantsReply: boolean } | undefined {
  return type === PROOF ? { wantsReply: flags === FLAG_REPLY } : undefined;
}

/** Writes how far its sender is from a relay, in ms; 65,535 is the most that it tells. `seq` is set later. */
export function encodeDistance(roundTripMs: number): Uint8Array {
  const { frame, view } = start(DISTANCE, 0, 0, FRAME_HEADER_BYTES + 2);
  view.setUint16(FRAME_HEADER_BYTES, Math.min(Math.round(roundTripMs), 65_535));
  return frame;
}

/** @returns how far its sender is, in ms; undefined: it does not tell that */
export function decodeDistance(bytes: Uint8Array): number | undefined {
  const isDistance = bytes.byteLength === FRAME_HEADER_BYTES + 2 && bytes[0] === DISTANCE && bytes[1] === 0;
  return isDistance ? viewOf(bytes).getUint16(FRAME_HEADER_BYTES) : undefined;
}

/** Writes a message. The payload is copied. `seq` may be set later: `writeSeq`. */
export function encodeMessage(seq: number, payload: Uint8Array): Uint8Array {
  const frame = start(MESSAGE, 0, seq, FRAME_HEADER_BYTES + payload.byteLength).frame;
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Sets the number of a frame. */
export function writeSeq(frame: Uint8Array, seq: number): void {
  setSeq(viewOf(frame), 2, seq);
}

/** A copy of a message, marked as sent again and else the same. */
export function resendOf(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy[1] = FLAG_RESEND;
  return copy;
}

/** Writes a sync. */
export function encodeSync({ seq, base, head, floor, wantsReply, isLast }: SyncFrame): Uint8Array {
  const flags = (base === undefined ? 0 : FLAG_BASE) | (wantsReply ? FLAG_REPLY : 0) | (isLast ? FLAG_LAST : 0);
  const { frame, view } = start(SYNC, flags, seq, FRAME_HEADER_BYTES + 3 * SEQ_BYTES);
  setSeq(view, 8, base ?? 0);
  setSeq(view, 14, head);
  setSeq(view, 20, floor);
  return frame;
}

/** Writes a status. At most `MAX_RANGES` ranges of 1 to 65,535 numbers. */
export function encodeStatus({ seq, next, byteBudget, ranges, hasState }: StatusFrame): Uint8Array {
  const size = STATUS_BYTES + RANGE_BYTES * ranges.length;
  const { frame, view } = start(STATUS, hasState ? 0 : FLAG_NO_STATE, seq, size);
  setSeq(view, 8, next);
  view.setUint32(14, byteBudget);
  for (const [index, { from, count }] of ranges.entries()) {
    setSeq(view, STATUS_BYTES + RANGE_BYTES * index, from);
    view.setUint16(STATUS_BYTES + RANGE_BYTES * index + SEQ_BYTES, count);
  }
  return frame;
}

/** Writes a chunk of a stream, whose number is set later: `writeSeq`. What is in it is copied. */
export function encodeChunk(
  stream: number,
  content: Uint8Array,
  kind?: number,
  { isBound }: Pick<ChunkFrame, "isBound"> = { isBound: false },
): Uint8Array {
  const at = CHUNK_BYTES + (kind === undefined ? 0 : 1);
  const { frame, view } = start(CHUNK, isBound ? FLAG_BOUND : 0, 0, at + content.byteLength);
  view.setUint32(8, stream);
  if (kind !== undefined) frame[CHUNK_BYTES] = kind;
  frame.set(content, at);
  return frame;
}

/** What a frame of a chunk is counted as, in bytes, at both ends. */
export function chunkCost(contentBytes: number): number {
  return contentBytes + FRAME_COST_BYTES;
}

/** How many bytes of content are in the frame of a chunk. */
export function contentBytesOf(chunkFrame: Uint8Array): number {
  return chunkFrame.byteLength - CHUNK_BYTES;
}

/** Writes an acknowledgement. */
export function encodeAcknowledgement(acknowledgement: AcknowledgementFrame): Uint8Array {
  const { seq, stream, next, byteLimit, purpose } = acknowledgement;
  const flags = purpose === "ask" ? FLAG_REPLY : purpose === "resume" ? FLAG_RESUME : 0;
  const { frame, view } = start(ACKNOWLEDGEMENT, flags, seq, CHUNK_BYTES + 2 * SEQ_BYTES);
  view.setUint32(8, stream);
  setSeq(view, 12, next);
  setSeq(view, 18, byteLimit);
  return frame;
}

/** Reads what a peer has sent: any bytes. Never throws. */
export function decodeFrame(bytes: Uint8Array): Frame | Unusable {
  if (bytes.byteLength < FRAME_HEADER_BYTES) return { type: "unreadable" };
  const view = viewOf(bytes);
  const flags = view.getUint8(1);
  const known = [
    undefined,
    FLAG_RESEND,
    FLAG_BASE | FLAG_REPLY | FLAG_LAST,
    FLAG_NO_STATE,
    FLAG_BOUND,
    FLAG_RESUME | FLAG_REPLY,
  ][view.getUint8(0)];
  if (known === undefined || (flags & ~known) !== 0) return { type: "unknown-kind" };
  return decodeBody(bytes, view, flags) ?? { type: "unreadable" };
}

function decodeBody(bytes: Uint8Array, view: DataView, flags: number): Frame | undefined {
  const seq = getSeq(view, 2);
  const size = bytes.byteLength;
  switch (view.getUint8(0)) {
    case MESSAGE: {
      if (size === FRAME_HEADER_BYTES || seq === 0) return;
      return { type: "message", seq, isResend: flags !== 0, payload: bytes.subarray(FRAME_HEADER_BYTES) };
    }
    case SYNC:
      return size === FRAME_HEADER_BYTES + 3 * SEQ_BYTES ? decodeSync(view, flags, seq) : undefined;
    case STATUS:
      return decodeStatus(view, flags, seq);
    case CHUNK: {
      if (size < CHUNK_BYTES) return;
      const [stream, isBound] = [view.getUint32(8), flags === FLAG_BOUND];
      // Messages are always sealed, where anything is.
      if (isBound && stream === 0) return;
      return { type: "chunk", seq, stream, chunk: bytes.subarray(CHUNK_BYTES), isBound };
    }
    default: {
      if (size !== CHUNK_BYTES + 2 * SEQ_BYTES || flags === (FLAG_RESUME | FLAG_REPLY)) return;
      const purpose = flags === FLAG_REPLY ? "ask" : flags === FLAG_RESUME ? "resume" : "progress";
      const [next, byteLimit] = [getSeq(view, 12), getSeq(view, 18)];
      return { type: "acknowledgement", seq, stream: view.getUint32(8), next, byteLimit, purpose };
    }
  }
}

/** A sync says the truth about itself, or is unreadable: 1 <= floor <= head + 1, base <= head. */
function decodeSync(view: DataView, flags: number, seq: number): Frame | undefined {
  const base = (flags & FLAG_BASE) === 0 ? undefined : getSeq(view, 8);
  const head = getSeq(view, 14);
  const floor = getSeq(view, 20);
  if (floor < 1 || floor > head + 1 || (base ?? 0) > head) return;
  const [wantsReply, isLast] = [(flags & FLAG_REPLY) !== 0, (flags & FLAG_LAST) !== 0];
  return { type: "sync", seq, base, head, floor, wantsReply, isLast };
}

function decodeStatus(view: DataView, flags: number, seq: number): Frame | undefined {
  const rangeBytes = view.byteLength - STATUS_BYTES;
  if (rangeBytes < 0 || rangeBytes % RANGE_BYTES !== 0 || rangeBytes > MAX_RANGES * RANGE_BYTES) return;
  const ranges: SeqRange[] = [];
  for (let offset = STATUS_BYTES; offset < view.byteLength; offset += RANGE_BYTES) {
    const range = { from: getSeq(view, offset), count: view.getUint16(offset + SEQ_BYTES) };
    if (range.from === 0 || range.count === 0) return;
    ranges.push(range);
  }
  const [next, byteBudget] = [getSeq(view, 8), view.getUint32(14)];
  return { type: "status", seq, next, byteBudget, ranges, hasState: flags === 0 };
}

function start(type: number, flags: number, seq: number, size: number): { frame: Uint8Array; view: DataView } {
  const frame = new Uint8Array(size);
  const view = viewOf(frame);
  frame[0] = type;
  frame[1] = flags;
  setSeq(view, 2, seq);
  return { frame, view };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function getSeq(view: DataView, offset: number): number {
  return view.getUint16(offset) * 2 ** 32 + view.getUint32(offset + 2);
}

function setSeq(view: DataView, offset: number, seq: number): void {
  view.setUint16(offset, Math.floor(seq / 2 ** 32));
  view.setUint32(offset + 2, seq >>> 0);
}
