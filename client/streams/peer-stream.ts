import type { Peer, WaitOptions } from "../topic.ts";

/** Why a stream is aborted, as the other side is told. */
export type AbortReason = {
  /** The app's own number, 0..4294967295; 0 where it is left out. */
  readonly reasonCode?: number | undefined;
  /** A sentence; more than 200 characters are cut off. */
  readonly reason?: string | undefined;
};

/**
 * Bytes in both directions between this member and one peer: in order, each once, over cuts, restarts and moves of either end.
 * What one side does not read holds back the other side's writer, and nothing else.
 *
 * It ends with the peer (`peer-gone`: it left, or was away for longer than the grace), and with the topic (`closed`).
 */
export interface PeerStream {
  readonly peer: Peer;
  /** What the opener has called it: 1 to 256 bytes as UTF-8. */
  readonly label: string;
  /** The peer has opened it. */
  readonly isIncoming: boolean;
  /**
   * It has keys of its own, which are gone when it has ended: both ends have an identity. Else it is sealed by the keys of the topic,
   * or not at all where that is public.
   */
  readonly forwardSecret: boolean;
  /**
   * The peer is not reached for now, or this client is not: what is written waits, at most for the grace. False once both
   * directions have ended.
   */
  readonly isPeerAway: boolean;
  /**
   * What the peer writes, in pieces that need not be those of the writer. Ends when the peer has closed its writable.
   * `cancel(reason)` tells the peer that nothing more is wanted; the other direction goes on.
   * Fails with StreamError `stream-aborted`, DeliveryError `peer-gone`, PosternError as the topic ended.
   */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * What the peer reads. A write takes a Uint8Array of any size, which is not to be written to until it has resolved: that is,
   * until there is room for more. `close()` ends this direction alone, and resolves when the peer's library has everything.
   * `abort(reason)` throws away what the peer has not read; the other direction goes on.
   * Fails as `readable`, and with DeliveryError `data-invalid` for what is no Uint8Array.
   */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Resolves when both directions have ended and arrived. Rejects when one was aborted, the peer has gone, or the topic has
   * ended. Need not be watched.
   */
  readonly closed: Promise<void>;
  /**
   * Says that this app seals what it writes itself, and knows what it reads for what its peer has sealed: that of Noise, say. Once
   * both ends have said so, what they write is not encrypted again in a sealed topic: then who carries it sees it as they write it,
   * and can still change nothing. Until then, and where the peer's library does not know of it, all stays sealed. Nothing in a
   * public topic, where nothing is.
   */
  selfSealed(): void;
  /**
   * Ends both directions at once: what was not read on either side is thrown away. Nothing where it has ended.
   * `writable.abort` and `readable.cancel` take the same reason, or an Error, or a string, for one direction.
   */
  abort(reason?: AbortReason): void;
}

/** Takes a stream that a peer has opened. What it throws, or rejects with, aborts the stream, and its sentence is told. */
export type StreamHandler = (stream: PeerStream) => void | Promise<void>;

/** Which incoming streams are meant: all whose label nobody else asks for, or those of one label. */
export type LabelOptions = { readonly label?: string | undefined };

/** The streams of one topic. They end with it. */
export interface Streams {
  /**
   * Opens a stream to a peer, and resolves when the app there has taken it. A peer that is away for a moment is waited for.
   * @param label what it is for, as the other side asks for it: 1 to 256 bytes of well-formed UTF-8. The peer sees it.
   * @param options `timeoutMs` is 30,000 unless it is set.
   * @throws DeliveryError `no-such-peer`, `no-listener`, `too-many-streams`, `timed-out`, `aborted`, `peer-gone`, `closed`,
   * `option-invalid` (the label); StreamError `stream-aborted`
   */
  open(peer: Peer | string, label: string, options?: WaitOptions): Promise<PeerStream>;
  /**
   * Calls a handler for each incoming stream from now on, in place of an earlier one for the same label. Where nobody asks for
   * a label, and nobody for all, the opener gets `no-listener`.
   * @returns stops it; streams that it has taken go on.
   */
  onStream(handler: StreamHandler, options?: LabelOptions): () => void;
  /**
   * The incoming streams from now on, for a loop; in place of an earlier handler or loop for the same label. Up to 16 of one
   * peer, and 256 in all, wait to be taken; the next opener gets `too-many-streams`. Ends with the topic and with the signal;
   * then who waits gets `no-listener`.
   */
  incoming(options?: LabelOptions & { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<PeerStream>;
}
