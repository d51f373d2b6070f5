/** The port to a WebSocket: what the client needs of one, whatever the runtime. */

import type { ErrorTexts, ProxyErrorCode } from "../errors.ts";

/** How a socket ended, as far as its runtime tells. */
export type SocketEnd = {
  /** RFC 6455 section 7.4; undefined where no close frame was seen, whatever number the runtime gives for that. */
  readonly code: number | undefined;
  readonly reason: string;
  /**
   * Why it failed, where the runtime says so: an error of the network, of TLS, or the HTTP answer to the upgrade; or a ConnectError,
   * where the client itself is the reason.
   */
  readonly cause?: unknown;
  /** The relay's machine was not reached at all, where the runtime tells that: another transport would not be either. */
  readonly isUnreached?: boolean | undefined;
  /** By whom and how the upgrade, or the way to it, was refused; where the runtime shows it, which browsers do not. */
  readonly refusal?: Refusal | undefined;
};

/** A connection that was refused: by an HTTP answer to the upgrade, or on the way to it. */
export type Refusal = {
  /** Of the HTTP answer; undefined where there was none. */
  readonly status: number | undefined;
  /** The relay's own word, from `X-Refusal`; undefined where the answer is somebody else's. */
  readonly word?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Where a proxy is the reason, or how it is set, or who intercepts TLS; left out: the status says why. */
  readonly code?: ProxyErrorCode | "intercepted" | undefined;
  /** The sentences of that code, where it is a proxy's. */
  readonly texts?: ErrorTexts;
  /** Whether it may be better by itself; left out: the status says so. */
  readonly passes?: boolean | undefined;
};

/** Called in this order: `onOpen` once or never, the others, `onEnd` once, and nothing behind it. */
export type SocketEvents = {
  readonly onOpen: () => void;
  /** Bytes have come, of a message or not: a sign of life, where the runtime shows it. */
  readonly onBytesSeen?: (() => void) | undefined;
  /** All that was given to `send` has left the process, where the runtime tells. */
  readonly onDrained?: (() => void) | undefined;
  readonly onText: (text: string) => void;
  /** The bytes are the callee's. */
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onEnd: (end: SocketEnd) => void;
};

/** A WebSocket that was dialled. */
export interface Socket {
  /** Bytes that were given to `send` and have not left the process, as far as the runtime tells. */
  readonly bufferedBytes: number;
  /** SHA-256 of the certificate that it has seen, `AB:CD:...`; where the runtime shows it. */
  readonly fingerprint256?: string | undefined;
  /**
   * Takes a message; one after the end is passed over. The bytes are the socket's from here on.
   * @param roomBytes and so are so many before them, in their memory. Left out: none
   */
  send(message: string | Uint8Array<ArrayBuffer>, roomBytes?: number): void;
  /** Ends with 1000 and this reason, and waits for nothing: `onEnd` is called at once, or has been. */
  close(reason: string): void;
}

/** What a relay says of its certificate in its first `joined` on a connection, and what the connection has seen. */
export type Attesting = {
  readonly address: string;
  readonly attestation: string | undefined;
  readonly fingerprint256: string | undefined;
};

/** Judges it. @returns why the connection is not to be used; undefined: it may be */
export type Judge = (said: Attesting) => (Error & Refusal) | undefined;

/** Dials an address (`wss:` or `ws:`) with the subprotocol of v1. Never throws: a failure is an `onEnd`, which comes after it has returned. */
export type Dial = (address: string, events: SocketEvents) => Socket;
