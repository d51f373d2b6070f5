import type { Timer } from "../clock.ts";
import type { PosternError } from "../errors.ts";
import { Connection, type ConnectionEvents } from "./connection.ts";
import type { ConnectionOptions, ConnectionParts } from "./connection-options.ts";
import type { Ending, LastWord, Restart } from "./ending.ts";
import type { MovingTopic } from "./moving-topic.ts";
import { Reach } from "./reach.ts";
import type { Dial } from "./socket.ts";
import type { Joined } from "./topic-handler.ts";
import type { Transport, TransportMemory } from "./transport.ts";

/** How soon after the first answer it is to be shown that large messages get through, and how long that may take. */
const PROOF_AFTER_MS = 2000;
const PROOF_MS = 8000;
/** How long the old connection is heard while topics go to another one. */
const MOVE_MS = 3000;

/** What it is made of. @property dial by WebSocket. */
export type CarrierParts = ConnectionParts & {
  /** By plain HTTP requests; left out: it cannot. */
  readonly poll?: Dial | undefined;
  /** What has worked in this network; left out: this line's own. */
  readonly memory?: TransportMemory | undefined;
};

/** How a connection is made, whatever the transport. */
export type CarrierOptions = Omit<ConnectionOptions, "transport">;

/** Whose it is, and what it tells: of one connection at a time, as if there were no other. */
export interface CarrierEvents extends ConnectionEvents {
  /** Those that go from one connection to another. */
  topics(): Iterable<MovingTopic>;
  /** What the relay can. */
  can(feature: string): boolean;
  /** The connection that was told of has another in its place: this one, or, undefined, one that `onOpen` will tell of. */
  onReplaced(next: Connection | undefined): void;
}

/**
 * The connection that carries a line: over a WebSocket, or by polls where that does not do; and the change from one to the
 * other. A transport counts when the relay has answered on it, and not before: proxies accept upgrades and swallow the rest.
 */
export class Carrier implements ConnectionEvents {
  readonly #parts: CarrierParts;
  readonly #events: CarrierEvents;
  readonly #reach: Reach;
  #options: CarrierOptions | undefined;
  #connection: Connection | undefined;
  /** By another transport: it takes the place of the first when the relay has answered on it. */
  #rival: Connection | undefined;
  /** Topics are going over to the rival: by when they have to. */
  #moveTimer: Timer | undefined;
  /** Whether a large message gets through by WebSocket is to be seen. */
  #proofTimer: Timer | undefined;
  #hasProved = false;
  /** How the first transport ended, while the other one is tried. */
  #firstEnding: Ending | undefined;

  /** @param transports in the order in which they are tried. One that there is no dial for is passed over. */
  constructor(parts: CarrierParts, transports: readonly Transport[], events: CarrierEvents) {
    this.#parts = parts;
    this.#events = events;
    const usable = transports.filter((transport) => transport === "websocket" || parts.poll !== undefined);
    this.#reach = new Reach(parts.clock, usable, parts.memory);
  }

  /** The present one; undefined: there is none. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Dials. */
  connect(options: CarrierOptions): void {
    const transport = this.#reach.first;
    this.#options = options;
    this.#firstEnding = undefined;
    this.#connection = this.#dialBy(transport, options);
    this.#reach.dialled(transport, (other) => {
      this.#rival ??= this.#dialBy(other, options);
    });
  }

  /** Ends what there is; nothing is told of it. */
  drop(reason: string): void {
    this.#stop();
    this.#dropRival();
    this.#connection?.close(reason);
    this.#connection = undefined;
  }

  onOpen(connection: Connection): void {
    if (connection === this.#connection) this.#events.onOpen(connection);
  }

  onUp(connection: Connection): void {
    if (connection === this.#connection) this.#isUp(connection);
    else if (connection !== this.#rival) return;
    else if (this.#connection?.wasUp === true) this.#proveRival(connection);
    else this.#takeRival();
  }

  onError(error: PosternError): void {
    this.#events.onError(error);
  }

  onJoined(joined: Joined, connection: Connection): void {
    this.#events.onJoined(joined, connection);
  }

  onRestarting(restart: Restart, connection: Connection): void {
    if (connection === this.#connection) this.#events.onRestarting(restart, connection);
  }

  onOther(text: string): void {
    this.#events.onOther(text);
  }

  onOtherRefused(error: LastWord): void {
    this.#events.onOtherRefused(error);
  }

  onEnd(ending: Ending, connection: Connection): void {
    const isRival = connection === this.#rival;
    if (!isRival && connection !== this.#connection) return;
    const first = this.#firstEnding ?? ending;
    // Nobody hears how the second transport ended; but where its code is missing, somebody can change that.
    if ((isRival || first !== ending) && ending.error.code === "load-failed") this.#events.onError(ending.error);
    if (isRival) return this.#rivalEnded();
    if (this.#goesOnByOther(ending, connection)) return;
    this.#stop();
    this.#connection = undefined;
    this.#events.onEnd(first, connection);
  }

  #isUp(connection: Connection): void {
    this.#dropRival();
    this.#firstEnding = undefined;
    this.#reach.up(connection.transport, () => this.#retry());
    this.#proveSoon(connection);
    this.#events.onUp(connection);
  }

  #dialBy(transport: Transport, options: CarrierOptions): Connection {
    const { dial, poll = dial } = this.#parts;
    const parts = { ...this.#parts, dial: transport === "websocket" ? dial : poll };
    return new Connection(parts, { ...options, transport }, this);
  }

  /** One transport has ended. @returns whether the other one goes on in its place. */
  #goesOnByOther(ending: Ending, { wasUp, transport }: Connection): boolean {
    if (this.#rival !== undefined && (!wasUp || this.#moveTimer !== undefined)) {
      this.#firstEnding ??= wasUp ? undefined : ending;
      if (wasUp) this.#finishMove();
      else this.#takeRival();
      return true;
    }
    const other = this.#reach.otherThan(transport);
    if (wasUp || other === undefined || this.#firstEnding !== undefined || this.#options === undefined) return false;
    if (ending.transportFault === "no" || (ending.transportFault === "perhaps" && this.#reach.trusts(transport)))
      return false;
    this.#reach.stop();
    this.#firstEnding = ending;
    this.#connection = this.#dialBy(other, this.#options);
    return true;
  }

  /** The rival is the connection from now on: the one before was not answered. */
  #takeRival(): void {
    const [before, rival] = [this.#connection, this.#rival];
    this.#connection = rival;
    this.#rival = undefined;
    this.#reach.stop();
    before?.close("");
    if (rival === undefined) return;
    for (const topic of this.#events.topics()) topic.down();
    this.#events.onReplaced(undefined);
    if (rival.isOpen) this.#events.onOpen(rival);
    if (rival.wasUp) this.#isUp(rival);
  }

  /** While it polls, a WebSocket is tried again. */
  #retry(): void {
    if (this.#options !== undefined) this.#rival ??= this.#dialBy("websocket", this.#options);
  }

  #rivalEnded(): void {
    this.#dropRival();
    if (this.#connection?.wasUp === true) this.#reach.failedAgain(() => this.#retry());
  }

  /** It has answered; a large message has to get through too, before anything depends on it. Large answers members get alone. */
  #proveRival(rival: Connection): void {
    this.#setProofTimer(PROOF_MS, () => this.#rivalEnded());
    rival.prove(() => {
      if (rival === this.#rival && this.#moveTimer === undefined) this.#beginMove(rival);
    });
  }

  #beginMove(rival: Connection): void {
    this.#proofTimer?.cancel();
    this.#moveTimer = this.#parts.clock.after(MOVE_MS, () => this.#finishMove());
    for (const topic of this.#events.topics()) topic.prepare(rival, () => this.#moveWhenReady());
    this.#moveWhenReady();
  }

  /** A relay that takes one in place of the other ends the old connection behind its last word: that is waited for. */
  #moveWhenReady(): void {
    const topics = [...this.#events.topics()];
    const isTaken = topics.length > 0 && this.#events.can("takeover");
    if (this.#moveTimer !== undefined && !isTaken && topics.every((topic) => topic.isReadyToMove)) this.#finishMove();
  }

  #finishMove(): void {
    const [before, rival] = [this.#connection, this.#rival];
    this.#moveTimer?.cancel();
    this.#moveTimer = undefined;
    if (rival === undefined) return;
    this.#connection = rival;
    this.#rival = undefined;
    for (const topic of this.#events.topics()) topic.move(rival);
    this.#events.onReplaced(rival);
    before?.close("moved");
    this.#isUp(rival);
  }

  /** Once for a line, where there is another way: whether a large message gets through. */
  #proveSoon(connection: Connection): void {
    const other = this.#reach.otherThan(connection.transport);
    if (this.#hasProved || other === undefined || connection.transport !== "websocket") return;
    this.#setProofTimer(PROOF_AFTER_MS, () => {
      this.#setProofTimer(PROOF_MS, () => {
        this.#reach.prefer(other);
        connection.abandon("unreachable", "large messages do not get through");
      });
      connection.prove((by) => {
        this.#hasProved = by === "answer";
        this.#proofTimer?.cancel();
      });
    });
  }

  #setProofTimer(delayMs: number, task: () => void): void {
    this.#proofTimer?.cancel();
    this.#proofTimer = this.#parts.clock.after(delayMs, task);
  }

  #stop(): void {
    this.#firstEnding = undefined;
    this.#proofTimer?.cancel();
    this.#reach.stop();
  }

  #dropRival(): void {
    const rival = this.#rival;
    this.#moveTimer?.cancel();
    this.#moveTimer = undefined;
    this.#rival = undefined;
    if (rival === undefined) return;
    this.#proofTimer?.cancel();
    for (const topic of this.#events.topics()) topic.stay();
    rival.close("");
  }
}
