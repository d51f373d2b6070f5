import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Hub } from "../../hub/hub.ts";
import type { TurnTime } from "../../hub/ports.ts";
import type { Close, ConnectionLink, Ending, SessionConnection, SilentSession } from "../../session/ports.ts";
import { scopedTopicName } from "../../session/topic-scope.ts";
import { VerbatimSession } from "../verbatim/verbatim-session.ts";
import type { VerbatimTraffic } from "../verbatim/verbatim-traffic.ts";
import type { Occupant, Room, Rooms } from "./pair-rooms.ts";

/** How a pair is closed on a planned stop. */
export const RESTART_CLOSE: Close = { code: CloseCode.serviceRestart, reason: "the relay restarts" };

const PARTNER_LEFT_CLOSE: Close = { code: CloseCode.normalClosure, reason: "" };
const SESSION_FULL_CLOSE: Close = { code: CloseCode.policyViolation, reason: "Session full" };
const NO_PARTNER_CLOSE: Close = { code: CloseCode.policyViolation, reason: "no partner in time" };
const TOO_MANY_WAITING_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "too many waiting" };

/** What the sessions of this dialect use. One object for all of them. */
export type PairParts = {
  readonly hub: Hub;
  readonly traffic: VerbatimTraffic;
  readonly rooms: Rooms;
  readonly time: Pick<TurnTime, "nowMs">;
};

/** One half of a pair, or one that waits for its other half. */
export class PairSession implements SilentSession, Occupant {
  readonly cameAtMs: number;
  readonly #parts: PairParts;
  readonly #link: ConnectionLink;
  readonly #connection: SessionConnection;
  readonly #id: string;
  readonly #pipe: VerbatimSession;
  #room: Room | undefined;
  #isSettled = false;
  #isRestarting = false;

  constructor(parts: PairParts, link: ConnectionLink, connection: SessionConnection, id: string) {
    this.cameAtMs = parts.time.nowMs;
    this.#parts = parts;
    this.#link = link;
    this.#connection = connection;
    this.#id = id;
    this.#pipe = new VerbatimSession(parts, link, connection);
  }

  /** Who waits is bounded here, not among those who have not joined. */
  get hasJoined(): boolean {
    return true;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Takes its place; or the connection ends, where there is none. */
  enter(): void {
    const { rooms } = this.#parts;
    this.#room = rooms.enter(this.#id, this);
    if (this.#room === undefined)
      this.#connection.end(rooms.isFull(this.#id) ? SESSION_FULL_CLOSE : TOO_MANY_WAITING_CLOSE);
  }

  settle(): void {
    const room = this.#room;
    if (this.#isSettled || room === undefined) return;
    this.#isSettled = true;
    this.#connection.settle();
    const topic = { topicName: scopedTopicName("pair", room.topic), publicName: `/relay/${this.#id}` };
    const refusal = this.#pipe.refusalOf(topic);
    if (refusal !== undefined || !room.hasSeat(this)) {
      // Whoever may not be here was never anybody's partner.
      this.withdraw();
      if (refusal === undefined) this.#connection.end(SESSION_FULL_CLOSE);
      else this.#pipe.turnAway(refusal);
      return;
    }
    this.#parts.rooms.settled(room);
    this.#pipe.join(topic);
  }

  receive(message: Uint8Array, isBinary: boolean): void {
    this.settle();
    const room = this.#room;
    if (room === undefined) return;
    this.#parts.rooms.sent(room, message.length);
    room.partnerOf(this)?.settle();
    this.#pipe.receive(message, isBinary);
  }

  withdraw(): void {
    const room = this.#room;
    this.#room = undefined;
    this.#pipe.end("closed");
    if (room !== undefined) this.#parts.rooms.withdraw(room, this);
  }

  announceRestart(): void {
    this.#pipe.announceRestart();
  }

  refuseNew(): void {
    this.#pipe.refuseNew();
  }

  hearOut(): void {
    this.#isRestarting = true;
    this.#pipe.hearOut();
  }

  end(how: Ending): void {
    const room = this.#room;
    this.#room = undefined;
    // First, so that what it has sent is on its way to the other one, or held for it.
    this.#pipe.end(how);
    if (room !== undefined) this.#parts.rooms.leave(room, this, { isRestart: this.#isRestarting });
  }

  partnerLeft({ isRestart }: { readonly isRestart: boolean }): void {
    this.#room = undefined;
    this.#closeBehindWhatIsOwed(isRestart ? RESTART_CLOSE : PARTNER_LEFT_CLOSE);
  }

  waitedInVain(): void {
    this.#connection.end(NO_PARTNER_CLOSE);
  }

  #closeBehindWhatIsOwed(close: Close): void {
    const { outbox } = this.#pipe.peer;
    if (!outbox.hasRoom) outbox.whenRoom(() => this.#closeBehindWhatIsOwed(close));
    else if (this.#link.bufferedBytes > 0) this.#link.whenBelow(0, () => this.#connection.end(close));
    else this.#connection.end(close);
  }
}
