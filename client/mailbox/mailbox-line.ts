import {
  decodeV1MailboxRelayMessage,
  type V1MailboxMessage,
  type V1MailboxRelayMessage,
} from "../../protocol/v1-mailbox-messages.ts";
import type { V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import type { Timer } from "../clock.ts";
import { ConnectError, DeliveryError, type PosternError } from "../errors.ts";
import type { MailboxHost } from "../mailbox-host.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { WaitOptions } from "../topic.ts";
import { refusalOf } from "./mailbox-error.ts";
import { type Answer, type Question, Questions } from "./questions.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** A connection of which no use is made is closed. */
const IDLE_MS = 30_000;

type Channel = { tell(message: V1MailboxMessage): number };

/** What a line tells. */
export type MailboxLineEvents = {
  /** Whether it is to stand though nothing is asked. */
  readonly isNeeded: () => boolean;
  /** A connection is open. What was asked is asked behind what is done here. Never rejects. */
  readonly onUp: () => Promise<void>;
  readonly onDown: () => void;
  /** Everything that the relay says about mailboxes, in its order; answers before they are given to who asked. */
  readonly onMessage: (message: V1MailboxRelayMessage) => void;
  /** Something that was open is open no more: the store has failed. */
  readonly onStoreFailed: () => void;
  /** The relay takes this client no more; nothing follows. */
  readonly onEnded: (error: PosternError) => void;
};

/** What is asked of a relay about mailboxes: over cuts, on a connection that is made when it is needed. */
export class MailboxLine {
  readonly #host: MailboxHost;
  readonly #events: MailboxLineEvents;
  readonly #questions = new Questions();
  #line: ReturnType<MailboxHost["openLine"]> | undefined;
  #channel: Channel | undefined;
  /** Questions may be asked: what has to stand before them does. */
  #isReady = false;
  #lastError: PosternError | undefined;
  #ended: PosternError | undefined;
  #idleTimer: Timer | undefined;

  constructor(host: MailboxHost, events: MailboxLineEvents) {
    this.#host = host;
    this.#events = events;
  }

  get isUp(): boolean {
    return this.#channel !== undefined;
  }

  /** Asks until it is answered, on whatever connection. @throws DeliveryError, MailboxError, or what the line has ended with */
  async ask(message: V1MailboxMessage, { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: WaitOptions = {}): Promise<Answer> {
    const { promise, question } = questionOf(message, { isOfConnection: false });
    return withTimeLimit(this.#host.clock, { timeoutMs, signal }, async (limit) => {
      this.need();
      if (!this.#questions.add(question)) throw new DeliveryError("backlog-full");
      limit.addEventListener("abort", () => {
        this.#questions.forget(question);
        this.rest();
      });
      this.#advance();
      return promise;
    });
  }

  /** Asks on this connection alone, before all that waits. @throws MailboxError; ConnectError `unreachable`: it is gone */
  askHere(message: V1MailboxMessage): Promise<Answer> {
    const { promise, question } = questionOf(message, { isOfConnection: true });
    if (this.#channel === undefined) question.reject(interrupted());
    else this.#questions.asked(this.#channel.tell(message), question);
    return promise;
  }

  /** Says what has no answer. */
  tell(message: V1MailboxMessage): void {
    this.#channel?.tell(message);
  }

  /** A connection is needed: dials, unless there is one. @throws what the line has ended with */
  need(): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.#idleTimer?.cancel();
    if (this.#line !== undefined) return this.#line.wake();
    const line = this.#host.openLine({
      onState: (state) => {
        if (state === "closed" && this.#line === line) this.end(this.#lastError ?? new ConnectError("closed"));
      },
      onError: (error) => {
        this.#lastError = error;
      },
      other: {
        onOpen: (channel) => void this.#up(channel),
        onDown: () => this.#down(),
        onText: (text) => this.#receive(text),
        onRefused: (error) => this.#refused(error),
      },
    });
    this.#line = line;
  }

  /** Ends for good. */
  end(error: PosternError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#hangUp();
    this.#questions.end(error);
    this.#events.onEnded(error);
  }

  /** Something is needed no more. */
  rest(): void {
    this.#idleTimer?.cancel();
    if (this.#line === undefined || this.#ended !== undefined || !this.#isIdle) return;
    this.#idleTimer = this.#host.clock.after(IDLE_MS, () => {
      if (this.#isIdle) this.#hangUp();
    });
  }

  get #isIdle(): boolean {
    return this.#questions.isEmpty && !this.#events.isNeeded();
  }

  async #up(channel: Channel): Promise<void> {
    this.#channel = channel;
    await this.#events.onUp();
    if (this.#channel !== channel) return;
    this.#isReady = true;
    this.#advance();
  }

  #down(): void {
    this.#channel = undefined;
    this.#isReady = false;
    this.#questions.interrupt(interrupted());
    this.#events.onDown();
    if (!this.#isIdle) this.need();
  }

  #hangUp(): void {
    const line = this.#line;
    this.#line = undefined;
    this.#idleTimer?.cancel();
    line?.close();
    this.#channel = undefined;
    this.#isReady = false;
  }

  #advance(): void {
    if (!this.#isReady || this.#channel === undefined) return;
    for (let question = this.#questions.next(); question !== undefined; question = this.#questions.next()) {
      this.#questions.asked(this.#channel.tell(question.message), question);
    }
  }

  #receive(text: string): void {
    const message = decodeV1MailboxRelayMessage(text);
    if (message.type === "unknown" || message.type === "invalid") return;
    this.#events.onMessage(message);
    if (!("ref" in message)) return;
    this.#questions.take(message.ref)?.resolve(message);
    this.#advance();
    this.rest();
  }

  #refused(error: Extract<V1RelayMessage, { type: "error" }>): void {
    const question = this.#questions.take(error.ref);
    if (question === undefined) {
      if (error.code === "store-failed") this.#events.onStoreFailed();
      return;
    }
    if (error.code === "restarting") {
      // It is asked again on the next connection.
      this.#isReady = false;
      if (question.isOfConnection) question.reject(interrupted());
      else this.#questions.putBack(question);
      return;
    }
    question.reject(refusalOf(error));
    this.#advance();
    this.rest();
  }
}

function questionOf(
  message: V1MailboxMessage,
  { isOfConnection }: { readonly isOfConnection: boolean },
): { readonly promise: Promise<Answer>; readonly question: Question } {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const byteCount = "data" in message ? message.data.length : 0;
  return { promise, question: { message, byteCount, isOfConnection, resolve, reject } };
}

function interrupted(): ConnectError {
  return new ConnectError("unreachable", { cause: "the connection was cut" });
}
