import type { Clock, Timer } from "../../relay/clock.ts";
import type { SlowReason } from "../../relay/hub/ports.ts";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import type { ConnectionLink, LinkOwner } from "../../relay/session/ports.ts";
import { DrainWatch } from "../../relay/websocket/drain-watch.ts";
import { type GatedReading, ReadingGate, Reason } from "../../relay/websocket/reading-gate.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { closeFrame } from "../../relay/wire/control-frame.ts";
import { frameMemory } from "../../relay/wire/frame-memory.ts";

type Said = { readonly message: Buffer; readonly isBinary: boolean };

/** What tunes it. */
export type MemoryLinkOptions = { readonly closeTimeoutMs: number; readonly stalledReaderTimeoutMs: number };

/**
 * A link without a socket, as one that is polled would be: its peer says messages, and takes what waits when it likes, the
 * same frames that a WebSocket would carry. It shows that a link is a folder and a line, and passes the contract of links.
 */
export class MemoryLink implements ConnectionLink, GatedReading {
  readonly openedAtMs: number;
  readonly mayWait = false;
  readonly isPingWaiting = false;
  readonly inFlightBytes = 0;
  /** What it was charged beside what it said. */
  readonly charges: { readonly messageCount: number; readonly byteCount: number }[] = [];
  readonly #clock: Clock;
  readonly #options: MemoryLinkOptions;
  readonly #gate: ReadingGate;
  readonly #said: Said[] = [];
  readonly #waiting: Uint8Array[] = [];
  #owner: LinkOwner | undefined;
  #state: "open" | "leaving" | "closing" | "ended" = "open";
  #closeCode = 1006;
  readonly #closedBy = "relay";
  #closeTimer: Timer | undefined;
  #isStopped = false;
  #isHeard = true;
  #receivedAtMs = 0;
  #bufferedBytes = 0;
  #readByPeerBytes = 0;
  #waitsSinceMs = 0;
  #bytesIn = 0;
  readonly #drain = new DrainWatch();

  constructor(clock: Clock, options: MemoryLinkOptions) {
    this.#clock = clock;
    this.#options = options;
    const throttle = new Throttle(clock, new RateClasses({ messages: undefined, bytes: undefined }));
    this.#gate = new ReadingGate(this, throttle, clock.monotonicMs());
    this.openedAtMs = clock.monotonicMs();
  }

  get receivedAtMs(): number {
    return this.#receivedAtMs;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get readByPeerBytes(): number {
    return this.#readByPeerBytes;
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#readByPeerBytes;
  }

  attach(owner: LinkOwner): void {
    this.#owner = owner;
    this.#deliver();
  }

  send(frame: Uint8Array): void {
    if (this.#state === "open") this.#queue(frame);
  }

  close(code: number, reason: string): void {
    this.leave(code, reason);
    if (this.#state !== "leaving") return;
    this.#state = "closing";
    this.#said.length = 0;
    this.#gate.free();
  }

  leave(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#closeCode = code;
    this.#queue(closeFrame(code, reason));
    this.#closeTimer = this.#clock.after(this.#options.closeTimeoutMs, () => this.#end());
  }

  get isRead(): boolean {
    return this.#gate.isOpen;
  }

  charge(cost: { readonly messageCount: number; readonly byteCount: number }): void {
    this.charges.push(cost);
  }

  terminate(): void {
    this.#end();
  }

  pause(): void {
    this.#gate.shut(Reason.congestion);
  }

  resume(): void {
    this.#gate.open(Reason.congestion);
  }

  pauseFor(durationMs: number): void {
    this.#gate.shutFor(durationMs);
  }

  hold(): void {
    this.#gate.shut(Reason.held);
  }

  release(): void {
    this.#gate.open(Reason.held);
  }

  /** What it has read is known for certain: each poll says so. */
  judge(): SlowReason | undefined {
    if (this.#bufferedBytes === 0) return undefined;
    const silentMs = this.#clock.monotonicMs() - this.#waitsSinceMs;
    return silentMs >= this.#options.stalledReaderTimeoutMs ? "stalled" : undefined;
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#drain.whenBelow(bytes, callback);
  }

  whenWritten(callback: () => void): void {
    this.#drain.whenWritten(this.#bufferedBytes, callback);
  }

  wasHeard(): boolean {
    const wasShut = this.#gate.wasShut();
    const wasHeard = this.#isHeard || wasShut;
    this.#isHeard = false;
    return wasHeard;
  }

  /** Who is there polls by itself: that is its sign of life. */
  ping(): void {
    // Nothing to do.
  }

  limitTo(): void {
    // Its peer is a test, which keeps to no rate.
  }

  stopReading(): void {
    this.#isStopped = true;
  }

  goOnReading(): void {
    this.#isStopped = false;
    this.#deliver();
  }

  /** The peer's: says one whole message. */
  say(message: string | Uint8Array): void {
    this.#isHeard = true;
    this.#bytesIn += message.length;
    this.#said.push({ message: Buffer.from(message), isBinary: typeof message !== "string" });
    this.#deliver();
  }

  /** The peer's: takes all that waits, as the body of one answer. */
  take(): Buffer {
    const frames = this.#waiting.splice(0);
    const body = Buffer.concat(frames);
    for (const frame of frames) frameMemory.release(frame);
    this.#isHeard = true;
    this.#drain.took(this.#bufferedBytes);
    this.#bufferedBytes = 0;
    this.#readByPeerBytes += body.length;
    this.#drain.written(0);
    if (this.#state === "closing" || this.#state === "leaving") this.#end();
    return body;
  }

  /** The peer's: it has said its last word. */
  hangUp(code: number): void {
    this.#owner?.hungUp("closed");
    if (this.#state === "open") this.#closeCode = code;
    this.#end();
  }

  /** The peer's: it is gone. */
  vanish(): void {
    this.#end();
  }

  #queue(frame: Uint8Array): void {
    if (this.#bufferedBytes === 0) this.#waitsSinceMs = this.#clock.monotonicMs();
    frameMemory.retain(frame);
    this.#waiting.push(frame);
    this.#bufferedBytes += frame.length;
  }

  get #isTaken(): boolean {
    return this.#state === "open" || this.#state === "leaving";
  }

  #deliver(): void {
    while (this.#owner !== undefined && this.#isTaken && !this.#isStopped) {
      const said = this.#said.shift();
      if (said === undefined) return;
      this.#receivedAtMs = this.#clock.monotonicMs();
      this.#owner.receive(said.message, said.isBinary, false);
    }
  }

  #end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#closeTimer?.cancel();
    this.#gate.free();
    // Who never took them is gone: their memory is the collector's.
    this.#waiting.length = 0;
    this.#drain.clear();
    this.#owner?.ended(this.#closeCode, this.#closedBy);
  }
}
