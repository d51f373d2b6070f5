import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { expect, it } from "vitest";
import type { PollLink } from "../../relay/polling/poll-link.ts";
import { PollSession, PollSessions } from "../../relay/polling/poll-sessions.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A session whose link nobody asks, and what it does to connections. */
function scene() {
  const placed: string[] = [];
  const places = {
    polls: (socket: Socket) => void placed.push(`${nameOf(socket)} polls`),
    pollsNoMore: (socket: Socket) => void placed.push(`${nameOf(socket)} polls no more`),
  };
  return { placed, session: new PollSession({} as PollLink, "abc", places) };
}

/** A socket, or a response, that tells whether it was destroyed. */
class Named extends EventEmitter {
  readonly name: string;
  destroyed = false;

  constructor(name: string) {
    super();
    this.name = name;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

const nameOf = (socket: unknown): string => (socket instanceof Named ? socket.name : "");
const socketOf = (name: string): Socket => new Named(name) as unknown as Socket;

it("has no more than two answers on their way: whoever asks again has not read the one before", () => {
  const { session } = scene();
  const responses = ["a", "b", "c", "d"].map((name) => new Named(name));
  const give = (response: Named, byteCount: number): void =>
    session.answers(response as unknown as ServerResponse, byteCount);

  for (const response of responses.slice(0, 3)) give(response, 1_048_576);
  responses[1]?.emit("close");
  give(new Named("empty"), 0);
  const [last] = responses.slice(3);
  if (last !== undefined) give(last, 1000);

  expect(responses.map(({ destroyed }) => destroyed)).toEqual([true, false, false, false]);
});

it("takes four connections for its own, and gives them back when it is over", () => {
  const { session, placed } = scene();
  const sockets = ["a", "b", "c", "d", "e"].map(socketOf);

  const taken = sockets.map((socket) => session.place(socket));
  const again = sockets.map((socket) => session.place(socket));
  sockets[0]?.destroy();
  const instead = session.place(socketOf("f"));
  session.end();

  expect(taken).toEqual([true, true, true, true, false]);
  expect(again).toEqual(taken);
  expect(instead).toBe(true);
  expect(placed).toEqual([
    ...["a", "b", "c", "d", "f"].map((name) => `${name} polls`),
    ...["b", "c", "d", "f"].map((name) => `${name} polls no more`),
  ]);
});

it("lets the last copy of an upload count, as the connections of those before are gone", () => {
  const { session } = scene();

  const first = session.reads(1);
  const other = session.reads(2);
  const copy = session.reads(1);
  session.hasRead(1, first);
  const another = session.reads(1);

  expect([first, other, copy, another].map(({ isDropped }) => isDropped)).toEqual([true, false, true, false]);
});

it("remembers for a minute that a session is over, and how one was refused, and no more of them than it may", () => {
  const clock = new FakeClock();
  const sessions = new PollSessions(clock);
  const refusal = { status: 401, headers: {}, body: "" };
  sessions.ended("ended");
  sessions.refused("refused", refusal);
  const before = [sessions.isKnown("ended"), sessions.isKnown("refused"), sessions.refusalOf("refused")];

  clock.advance(60_000);
  const after = [sessions.isKnown("ended"), sessions.isKnown("refused")];
  for (let count = 0; count < 10_001; count += 1) sessions.ended(`token ${count}`);

  expect(before).toEqual([true, true, refusal]);
  expect(after).toEqual([false, false]);
  expect([sessions.isKnown("token 0"), sessions.isKnown("token 10000")]).toEqual([false, true]);
});

it("opens none that is over before it was opened", () => {
  const sessions = new PollSessions(new FakeClock());
  const { session } = scene();

  sessions.ended("token");
  sessions.add("token", session);

  expect([sessions.get("token"), sessions.count]).toEqual([undefined, 0]);
});
