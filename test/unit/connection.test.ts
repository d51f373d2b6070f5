import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { Connection } from "../../relay/session/connection.ts";
import type { Dialect, Ending, RestartNotice, Session, Visit } from "../../relay/session/ports.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { noVisit } from "../support/no-visit.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { collector } from "../support/relay.ts";
import { FakeConnection } from "../support/session-connection.ts";

/** A session that keeps what is asked of it. */
class FakeSession implements Session {
  hasJoined = false;
  readonly calls: string[] = [];
  onReceive: (message: string) => void = () => undefined;

  receive(message: Uint8Array): void {
    const text = Buffer.from(message).toString();
    this.calls.push(`receive ${text}`);
    this.onReceive(text);
  }

  announceRestart({ closesInMs, reconnectWithinMs }: RestartNotice): void {
    this.calls.push(`restart ${closesInMs} ${reconnectWithinMs}`);
  }

  refuseNew(): void {
    this.calls.push("refuse new");
  }

  hearOut(): void {
    this.calls.push("hear out");
  }

  end(how: Ending): void {
    // Idempotent, as every session.
    if (!this.calls.some((call) => call.startsWith("end"))) this.calls.push(`end ${how}`);
  }
}

function fakeDialect(name: string, session: FakeSession, changes: Partial<Dialect> = {}): Dialect {
  return {
    name,
    clients: ["client"],
    claims: () => true,
    chooseSubprotocol: () => undefined,
    clientOf: () => "client",
    open: () => session,
    routes: [],
    extraSilentSweeps: 0,
    restartClose: { code: 1012, reason: `${name} restarts` },
    traffic: () => [],
    rejected: () => ({}),
    ...changes,
  };
}

function fail(): never {
  throw new Error("a defect");
}

/** Whose a conversation is before its first message, and behind it: two dialects that know their names, and one that takes the rest. */
function dialectsOf(text: string): readonly unknown[] {
  const others = ["a", "b"].map((name) =>
    fakeDialect(name, new FakeSession(), { claimsFirst: (message) => Buffer.from(message).toString() === name }),
  );
  const { connection, told, say } = scene({ claimsFirst: () => false }, others);
  const before = [connection.dialect, told.length];
  say(text);
  say("a");
  return [before, connection.dialect, told];
}

/** A link that says how often it was closed. */
class CountingLink extends RecordingLink {
  readonly closes: string[] = [];

  override close(code: number, reason: string): void {
    super.close(code, reason);
    this.closes.push(`${code} ${reason}`);
  }
}

function scene(changes: Partial<Dialect> = {}, others: readonly Dialect[] = [], visit: Visit = noVisit) {
  const clock = new FakeClock();
  const link = new CountingLink();
  const session = new FakeSession();
  const logged: string[] = [];
  const told: string[] = [];
  const release = vi.fn();
  const ended: Connection[] = [];
  const accessLog = {
    connected: ({ dialect }: { readonly dialect: string }) => void told.push(`connected ${dialect}`),
    closed: ({ dialect }: { readonly dialect: string }, { closeCode }: { readonly closeCode: number }) =>
      void told.push(`closed ${dialect} ${closeCode}`),
    joined: () => undefined,
    left: () => undefined,
    refused: () => undefined,
  };
  const main = fakeDialect("main", session, changes);
  const [first, ...rest] = [...others, main];
  const connection = new Connection(
    { clock, log: pino(collector(logged)), accessLog, onEnd: (gone) => void ended.push(gone) },
    {
      link,
      access: new FakeConnection({ release, rateClass: "fast" }).access,
      applicant: { clientAddress: "192.0.2.1", isOverRate: false, visit },
      requestId: "abc",
      opening: { place: "shared", path: "/", host: "localhost", subprotocol: "", query: "", authorization: "" },
      candidates: [first, ...rest],
    },
  );
  connection.open(Buffer.alloc(0));
  const lines = () => logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  const say = (text: string) => connection.receive(Buffer.from(text), false, true);
  return { clock, connection, link, session, say, lines, told, release, ended };
}

it("ends the session first and then the link, once, whoever says so and however often", () => {
  const { connection, link, session } = scene();

  connection.end({ code: 4003, reason: "first" });
  connection.end({ code: 4004, reason: "second" });
  connection.failed(new Error("third"));

  expect(session.calls).toEqual(["end cut"]);
  expect(link.closes).toEqual(["4003 first"]);
});

it("does not close a link whose peer has said its last word", () => {
  const { connection, link, session } = scene();

  connection.hungUp("closed");
  connection.end({ code: 1008, reason: "late" });

  expect(session.calls).toEqual(["end closed"]);
  expect(link.closes).toEqual([]);
});

it("closes with 1011 on a defect, and logs the request id that the client was told", () => {
  const { session, say, link, lines } = scene();
  session.onReceive = fail;

  say("hello");

  expect(link.closes).toEqual(["1011 internal error"]);
  expect(lines()).toMatchObject([{ msg: "session failed", requestId: "abc", err: { message: "a defect" } }]);
});

it("outlives a dialect that cannot open a session, and counts the connection all the same", () => {
  const { connection, link, told, release, lines } = scene({ open: fail });
  connection.ended(1011, "relay");

  expect(link.closes).toEqual(["1011 internal error"]);
  expect(lines()).toMatchObject([{ msg: "session failed", requestId: "abc" }]);
  expect(told).toEqual(["connected main", "closed main 1011"]);
  expect(release).toHaveBeenCalledTimes(1);
});

it("gives back its access and tells of its end when the link is gone, and not before", () => {
  const { connection, release, ended, told } = scene();
  connection.end({ code: 1008, reason: "bye" });
  const whileClosing = [release.mock.calls.length, ended.length, told.length];

  connection.ended(1008, "relay");

  expect(whileClosing).toEqual([0, 0, 1]);
  expect([release.mock.calls.length, ended]).toEqual([1, [connection]]);
  expect(told).toEqual(["connected main", "closed main 1008"]);
});

it("asks the candidates in order whose the first message is, and the last one takes what no other wants", () => {
  expect(dialectsOf("b")).toEqual([["main", 0], "b", ["connected b"]]);
  expect(dialectsOf("nobody's")).toEqual([["main", 0], "main", ["connected main"]]);
});

it("opens no session after its end, though its first message comes late", () => {
  const other = fakeDialect("other", new FakeSession(), { claimsFirst: () => true });
  const { connection, say, told, link } = scene({}, [other]);

  connection.restart();
  say("late");
  connection.ended(1012, "relay");

  expect(link.closes).toEqual(["1012 main restarts"]);
  expect(told).toEqual(["connected main", "closed main 1012"]);
});

it("holds the dialect's own bound of a message: at it, and one byte above", () => {
  const { say, session, link } = scene({ maxMessageBytes: 4 });

  say("1234");
  const atTheBound = [...link.closes];
  say("12345");

  expect(atTheBound).toEqual([]);
  expect(session.calls).toEqual(["receive 1234", "end cut"]);
  expect(link.closes).toEqual(["1009 message too big"]);
});

it("announces a restart only to a conversation that goes on, and hears it out until the link has ended", () => {
  const [open, over] = [scene(), scene()];
  over.connection.end({ code: 1008, reason: "bye" });

  for (const { connection } of [open, over]) {
    connection.announceRestart({ closesInMs: 300, reconnectWithinMs: 5000 });
    connection.refuseNew();
    connection.restart();
  }
  open.say("late");
  open.connection.ended(1012, "relay");

  expect(open.session.calls).toEqual(["restart 300 5000", "refuse new", "hear out", "receive late", "end closed"]);
  expect(open.link.closes).toEqual(["1012 main restarts"]);
  expect(over.session.calls).toEqual(["end cut"]);
});

it("is cut off when nothing was heard of it for a sweep and a half, and for as many more as its dialect allows", () => {
  const liveness = { sweepIntervalMs: 1000, pingIntervalMs: 1000 };
  const cutOffAtMs = [0, 2].map((extraSilentSweeps) => {
    const { connection, link } = scene({ extraSilentSweeps });
    link.isHeard = false;
    for (let nowMs = 100; nowMs < 10_000; nowMs += 100) if (!connection.lookAfter(nowMs, liveness)) return nowMs;
    return Number.POSITIVE_INFINITY;
  });

  expect(cutOffAtMs).toEqual([1500, 3500]);
});

it("is asked once per ping interval, and once more before it is cut off where its dialect is slow to be so", () => {
  const { connection, link } = scene();

  for (let nowMs = 100; nowMs <= 10_000; nowMs += 100) {
    expect(connection.lookAfter(nowMs, { sweepIntervalMs: 3000, pingIntervalMs: 2500 })).toBe(true);
  }

  expect(link.pingCount).toBe(4);
});

it("is not cut off while a ping has not left, nor before it was asked after it was heard", () => {
  const liveness = { sweepIntervalMs: 1000, pingIntervalMs: 1000 };
  const { connection, link } = scene();
  link.isHeard = false;
  link.isPingWaiting = true;
  for (let nowMs = 100; nowMs <= 5000; nowMs += 100) connection.lookAfter(nowMs, liveness);
  const whileItWaits = link.isTerminated;

  // It leaves, and something is heard.
  link.isPingWaiting = false;
  link.isHeard = true;
  connection.lookAfter(5100, liveness);
  link.isHeard = false;
  const cutOffAtMs = [];
  for (let nowMs = 5200; nowMs <= 8000; nowMs += 100) {
    if (!connection.lookAfter(nowMs, liveness)) cutOffAtMs.push(nowMs);
    if (link.isTerminated) break;
  }

  expect(whileItWaits).toBe(false);
  expect(cutOffAtMs).toEqual([6600]);
});

it("is cut off where for three minutes nothing came and its ping could not leave", () => {
  const { connection, link } = scene();
  link.isHeard = false;
  link.isPingWaiting = true;
  let nowMs = 0;

  while (connection.lookAfter(nowMs, { sweepIntervalMs: 1000, pingIntervalMs: 1000 })) nowMs += 100;

  expect(nowMs).toBe(180_000);
});

it("has its link keep to the rate class of its access, told when that changes", () => {
  const { connection, link } = scene();
  const limitTo = vi.spyOn(link, "limitTo");

  connection.authorized();

  expect(link.rateClass).toBe("fast");
  expect(limitTo).not.toHaveBeenCalled();
});

it("holds the close of who comes back at once, takes nothing meanwhile, and gives it when the time is over", () => {
  const { clock, connection, link, session, say } = scene({}, [], { ...noVisit, refused: () => 1000 });

  connection.end({ code: 4004, reason: "missing" });
  say("more");
  clock.advance(999);
  const before = [...link.closes];
  clock.advance(1);

  expect(before).toEqual([]);
  expect(link.closes).toEqual(["4004 missing"]);
  expect(session.calls).toEqual(["end cut"]);
});

it.each([1009, 1011, 1013, 4006])("does not hold a close with %i: it is no refusal", (code) => {
  const { connection, link } = scene({}, [], { ...noVisit, refused: () => 1000 });

  connection.end({ code, reason: "why" });

  expect(link.closes).toEqual([`${code} why`]);
});

it("gives a close that is held at once when the relay stops, and forgets it when the client is gone", () => {
  const held = { ...noVisit, refused: () => 1000 };
  const stopped = scene({}, [], held);
  const gone = scene({}, [], held);
  for (const { connection } of [stopped, gone]) connection.end({ code: 4004, reason: "missing" });

  stopped.connection.restart();
  gone.connection.ended(1006, "peer");
  for (const { clock } of [stopped, gone]) clock.advance(1000);

  expect(stopped.link.closes).toEqual(["4004 missing"]);
  expect(gone.link.closes).toEqual([]);
});
