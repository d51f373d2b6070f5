import { encodeV1ClientMessage, type V1ClientMessage } from "../../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage, type V1RelayMessage } from "../../../protocol/v1-relay-messages.ts";
import type { Clock } from "../../clock.ts";
import { randomWord } from "../../random.ts";
import type { CauseName } from "./causes.ts";
import { SILENCE, stopwatch, within } from "./patience.ts";

/** How long one answer may take; a relay may have to ask its issuer before it answers at all. */
export const ANSWER_TIME_MS = 5000;

/** Why nothing more is to be had of a connection. */
export type EchoEnd = { readonly cause: CauseName; readonly text: string };

/** The connection that an echo is on: whoever has opened it passes on what comes by it. */
export type EchoParts = {
  readonly clock: Clock;
  /** Sends a message; one after the end is passed over. */
  readonly send: (text: string) => void;
  /** Ends the connection. */
  readonly close: () => void;
};

/** A message of the client that is answered, without its number. */
type Question = Extract<V1ClientMessage, { type: "ping" | "join" }>;

/** A connection to a relay on which something is asked, and answered by number, as the client asks it. */
export class Echo {
  readonly clock: Clock;
  readonly #parts: EchoParts;
  readonly #waiting = new Map<number, (answer: V1RelayMessage | undefined) => void>();
  #refCount = 0;
  #end: EchoEnd | undefined;

  constructor(parts: EchoParts) {
    this.clock = parts.clock;
    this.#parts = parts;
  }

  /** Why it is over; undefined while it is open. */
  get end(): EchoEnd | undefined {
    return this.#end;
  }

  /** Shows the relay who asks; nothing is waited for. */
  authorize(token: string): void {
    this.#say({ type: "auth", token, ref: this.#nextRef() });
  }

  /** Takes a text message of the relay. */
  receive(text: string): void {
    const message = decodeV1RelayMessage(text);
    if (message.type === "invalid" || message.type === "unknown") return;
    if (message.type === "error" && message.code === "unauthorized") {
      const reason = message.reason === undefined ? "" : ` (${message.reason})`;
      this.#over({ cause: "unauthorized", text: `${message.payload}${reason}` });
    }
    if ("ref" in message && message.ref !== undefined) this.#waiting.get(message.ref)?.(message);
  }

  /** Takes the end of the connection. @param code 1006 where none came. */
  ended(code: number, reason: string): void {
    this.#over({ cause: causeOfClose(code, reason), text: `closed with ${code} ${reason}`.trim() });
  }

  /** Sends a ping with so many bytes, which come back. @returns the time that it took; undefined where nothing came back. */
  async ping(padBytes: number): Promise<number | undefined> {
    const tookMs = stopwatch(this.clock);
    const answer = await this.#ask({ type: "ping", ...(padBytes === 0 ? {} : { pad: "p".repeat(padBytes) }) });
    return answer === undefined ? undefined : tookMs();
  }

  /** Joins a topic that nobody else can be in, which ends with the connection. @returns what the relay says to it, if anything. */
  join(): Promise<V1RelayMessage | undefined> {
    return this.#ask({ type: "join", topic: `postern-doctor-${randomWord()}`, attest: true });
  }

  /** Ends it. */
  close(): void {
    this.#parts.close();
  }

  async #ask(question: Question): Promise<V1RelayMessage | undefined> {
    if (this.#end !== undefined) return undefined;
    const ref = this.#nextRef();
    const { promise, resolve } = Promise.withResolvers<V1RelayMessage | undefined>();
    this.#waiting.set(ref, resolve);
    this.#say({ ...question, ref });
    const answer = await within(this.clock, ANSWER_TIME_MS, promise);
    this.#waiting.delete(ref);
    return answer === SILENCE ? undefined : answer;
  }

  #over(end: EchoEnd): void {
    this.#end ??= end;
    for (const wake of this.#waiting.values()) wake(undefined);
  }

  #say(message: V1ClientMessage): void {
    this.#parts.send(encodeV1ClientMessage(message));
  }

  #nextRef(): number {
    this.#refCount += 1;
    return this.#refCount;
  }
}

/** What the relay's words for a refusal mean, where a code stands for several. @see docs/protocol.md#refused-pages */
const causesByWord: Readonly<Record<string, CauseName>> = {
  origin: "origin-refused",
  address: "address-refused",
  "address-rate": "rate-limited",
  "address-connections": "rate-limited",
  returning: "rate-limited",
};

/** @see docs/protocol.md#close-codes */
function causeOfClose(code: number, reason: string): CauseName {
  if (code === 4003 || code === 4004 || code === 4005) return "unauthorized";
  if (code === 1008) return causesByWord[reason] ?? "address-refused";
  if (code === 1012 || code === 1013) return causesByWord[reason] ?? "relay-busy";
  return "connection-cut";
}
