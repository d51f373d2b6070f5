import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";
import { encodeV1ClientMessage, type V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage, type V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import type { CauseName } from "./causes.ts";
import { SILENCE, within } from "./patience.ts";
import { type Patient, stopwatch } from "./scene.ts";

/** How long one answer may take; a relay may have to ask its issuer before it answers at all. */
export const ANSWER_TIME_MS = 5000;

/** Why nothing more is to be had of a connection. */
export type EchoEnd = { readonly cause: CauseName; readonly text: string };

/** A message of the client that is answered, without its number. */
type Question = Extract<V1ClientMessage, { type: "ping" | "join" }>;

/** A WebSocket to a relay on which something is asked, and answered by number, as the client asks it. */
export class Echo {
  readonly #patient: Patient;
  readonly #webSocket: WebSocket;
  readonly #waiting = new Map<number, (answer: V1RelayMessage | undefined) => void>();
  #refCount = 0;
  #end: EchoEnd | undefined;

  constructor(patient: Patient, webSocket: WebSocket) {
    this.#patient = patient;
    this.#webSocket = webSocket;
    webSocket.on("message", (data: Buffer, isBinary) => {
      if (!isBinary) this.#receive(data.toString());
    });
    webSocket.on("close", (code, reason) =>
      this.#over({ cause: causeOfClose(code), text: `closed with ${code} ${reason.toString()}`.trim() }),
    );
    if (patient.token !== undefined) this.#say({ type: "auth", token: patient.token, ref: this.#nextRef() });
  }

  /** Why it is over; undefined while it is open. */
  get end(): EchoEnd | undefined {
    return this.#end;
  }

  /** Sends a ping with so many bytes, which come back. @returns the time that it took; undefined where nothing came back. */
  async ping(padBytes: number): Promise<number | undefined> {
    const tookMs = stopwatch(this.#patient.clock);
    const answer = await this.#ask({ type: "ping", ...(padBytes === 0 ? {} : { pad: "p".repeat(padBytes) }) });
    return answer === undefined ? undefined : tookMs();
  }

  /** Joins a topic that nobody else can be in, which ends with the connection. @returns what the relay says to it, if anything. */
  join(): Promise<V1RelayMessage | undefined> {
    return this.#ask({ type: "join", topic: `postern-doctor-${randomBytes(16).toString("hex")}`, attest: true });
  }

  /** Ends it. */
  close(): void {
    this.#webSocket.close(1000);
  }

  async #ask(question: Question): Promise<V1RelayMessage | undefined> {
    if (this.#end !== undefined) return undefined;
    const ref = this.#nextRef();
    const { promise, resolve } = Promise.withResolvers<V1RelayMessage | undefined>();
    this.#waiting.set(ref, resolve);
    this.#say({ ...question, ref });
    const answer = await within(this.#patient.clock, ANSWER_TIME_MS, promise);
    this.#waiting.delete(ref);
    return answer === SILENCE ? undefined : answer;
  }

  #receive(text: string): void {
    const message = decodeV1RelayMessage(text);
    if (message.type === "invalid" || message.type === "unknown") return;
    if (message.type === "error" && message.code === "unauthorized") {
      const reason = message.reason === undefined ? "" : ` (${message.reason})`;
      this.#over({ cause: "unauthorized", text: `${message.payload}${reason}` });
    }
    if ("ref" in message && message.ref !== undefined) this.#waiting.get(message.ref)?.(message);
  }

  #over(end: EchoEnd): void {
    this.#end ??= end;
    for (const wake of this.#waiting.values()) wake(undefined);
  }

  #say(message: V1ClientMessage): void {
    this.#webSocket.send(encodeV1ClientMessage(message));
  }

  #nextRef(): number {
    this.#refCount += 1;
    return this.#refCount;
  }
}

/** @see docs/protocol.md#close-codes */
function causeOfClose(code: number): CauseName {
  if (code === 4003 || code === 4004 || code === 4005) return "unauthorized";
  if (code === 1012 || code === 1013) return "relay-busy";
  return code === 1008 ? "address-refused" : "connection-cut";
}
