import { setTimeout as after } from "node:timers/promises";
import type { StalledReaders } from "../workload.ts";
import { Connection, type Receiver, type Target } from "./connection.ts";
import { createSession, type SessionName } from "./sessions/create-session.ts";
import type { Member } from "./sessions/session.ts";
import { makePayload } from "./stamp.ts";

const OPENED_AT_ONCE = 16;
/** Nothing is counted here; the longest answer to a join, which names all members, must be there whole. */
const CONNECTION_OPTIONS = { payloadBytes: 1, keepBytes: 65_536 } as const;
/** Above the indices of all members that are measured. */
const FIRST_INDEX = 10_000;
const POLL_MS = 10;

/** How long things may take. */
type StalledOptions = {
  /** A sender whose socket has taken nothing for this long is held up, and not merely waiting for its turn. */
  readonly heldUpMs: number;
  /** With what follows it stays below the minute after which a relay ends connections that it hears nothing of. */
  readonly timeoutMs: number;
};

const PATIENT = { heldUpMs: 1500, timeoutMs: 20_000 };

/** Topics whose readers have joined and never read on, and whose senders send until the relay stops reading them. */
export class StalledTopics implements Receiver {
  readonly #target: Target;
  readonly #sessionName: SessionName;
  readonly #readers: Connection[] = [];
  readonly #senders: TirelessSender[] = [];
  readonly #options: StalledOptions;
  #heldUpCount = 0;
  #failure: Error | undefined;

  constructor(
    { target, sessionName }: { readonly target: Target; readonly sessionName: SessionName },
    options: StalledOptions = PATIENT,
  ) {
    this.#options = options;
    this.#target = target;
    this.#sessionName = sessionName;
  }

  /** Joins, stops reading, and sends. @throws Error where the relay does not hold up all senders in time. */
  async stall({ topicCount, readersPerTopic, payloadBytes }: StalledReaders): Promise<void> {
    const readers = Array.from({ length: topicCount * readersPerTopic }, (_, place) =>
      memberOf(place, place % topicCount, false),
    );
    for (let at = 0; at < readers.length; at += OPENED_AT_ONCE) {
      await Promise.all(readers.slice(at, at + OPENED_AT_ONCE).map((member) => this.#openReader(member)));
    }
    for (let topic = 0; topic < topicCount; topic += 1) {
      const connection = this.#connect(memberOf(readers.length + topic, topic, true));
      await connection.open();
      this.#senders.push(new TirelessSender(connection, payloadBytes));
    }
    for (const sender of this.#senders) sender.start();
    const { heldUpMs, timeoutMs } = this.#options;
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.#senders.every((sender) => sender.heldUpForMs >= heldUpMs)) {
      this.#throwIfFailed();
      if (performance.now() > deadlineMs) throw new Error(`no backpressure in ${timeoutMs} ms`);
      await after(POLL_MS);
    }
    this.#heldUpCount = this.#sentCount();
  }

  /** @throws Error where the relay has read on meanwhile: then a reader was not stalled to the end. */
  throwIfReleased(): void {
    this.#throwIfFailed();
    const count = this.#sentCount() - this.#heldUpCount;
    if (count > 0) throw new Error(`${count} more messages were taken for topics whose readers are stalled`);
  }

  /** Ends all connections at once. */
  close(): void {
    for (const connection of [...this.#readers, ...this.#senders.map((sender) => sender.connection)]) {
      connection.close();
      connection.socket.destroy();
    }
  }

  onChunk(): void {
    // Time does not matter.
  }

  onDelivery(): void {
    // Nobody looks.
  }

  onFailure(error: Error): void {
    this.#failure ??= error;
  }

  #connect(member: Member): Connection {
    return new Connection(this.#target, member, createSession(this.#sessionName, member), this, CONNECTION_OPTIONS);
  }

  async #openReader(member: Member): Promise<void> {
    const connection = this.#connect(member);
    this.#readers.push(connection);
    await connection.open();
    connection.socket.pause();
  }

  #sentCount(): number {
    return this.#senders.reduce((sum, { sentCount }) => sum + sentCount, 0);
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Sends as long as its socket takes it. */
class TirelessSender {
  readonly connection: Connection;
  sentCount = 0;
  readonly #bytes: Buffer;
  #lastSentMs = 0;

  constructor(connection: Connection, payloadBytes: number) {
    const { session, member } = connection;
    this.connection = connection;
    this.#bytes = session.publication(makePayload(payloadBytes, member.index, session.form), 0).bytes;
  }

  get heldUpForMs(): number {
    return this.connection.socket.writableNeedDrain ? performance.now() - this.#lastSentMs : 0;
  }

  start(): void {
    this.connection.socket.on("drain", () => this.#send());
    this.#send();
  }

  #send(): void {
    this.#lastSentMs = performance.now();
    do this.sentCount += 1;
    while (this.connection.socket.write(this.#bytes));
  }
}

function memberOf(place: number, topicIndex: number, isSender: boolean): Member {
  const index = FIRST_INDEX + place;
  const topic = `s${String(topicIndex).padStart(4, "0")}`;
  return { index, peerId: `p${index}`, topic, isSender, isReceiver: !isSender, pairSide: undefined };
}
