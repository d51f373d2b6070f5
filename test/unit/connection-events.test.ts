import { expect, it } from "vitest";
import type { ConnectionFacts } from "../../relay/observability/access-log.ts";
import { type AccessLogOptions, ConnectionEvents, closeReasons } from "../../relay/observability/connection-events.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createTopicHash } from "../../relay/observability/topic-hash.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";

/** What a stranger may put into a name: a new line with a line of its own, terminal escapes, direction marks, NUL. */
const HOSTILE_NAMES = [
  'x"}\n{"level":"info","msg":"connect","requestId":"forged"}',
  "a\r\nb",
  "\u001b[2J\u001b[31mred",
  "\u202Etxt.exe\u2066",
  "\u0000\u0008\u007f\u009b31m",
  "\u2028\u2029",
  "${jndi:ldap://x}%s%d%o",
];

it("logs a connection from its connect to its close, with what an operator asks for", () => {
  const { events, lines, clock } = scene({ accessLog: "all" });
  const facts = factsOf("abc", { subject: "alice" });

  events.connected(facts);
  events.joined(facts, "topic");
  events.left(facts, "topic");
  clock.advance(1500.4);
  events.closed(facts, { closeCode: 4002, by: "peer", bytesIn: 10, bytesOut: 20 });
  events.refused({ requestId: "def", clientAddress: "192.0.2.2" }, "origin", 403);

  const hash = expect.stringMatching(/^[0-9a-f]{12}$/);
  const of = { level: "info", time: expect.any(String), requestId: "abc" };
  expect(lines()).toEqual([
    { ...of, clientAddress: "192.0.2.1", dialect: "topic", client: "classic", msg: "connect" },
    { ...of, topic: hash, subject: hash, msg: "join" },
    { ...of, topic: hash, subject: hash, msg: "leave" },
    {
      ...of,
      clientAddress: "192.0.2.1",
      dialect: "topic",
      client: "classic",
      subject: hash,
      reason: "slow-reader",
      closeCode: 4002,
      durationMs: 1500,
      bytesIn: 10,
      bytesOut: 20,
      msg: "close",
    },
    { ...of, requestId: "def", clientAddress: "192.0.2.2", reason: "origin", status: 403, msg: "refuse" },
  ]);
});

it("lets no name out of its hash: what is in it can neither begin a line nor reach a terminal", () => {
  const { events, written } = scene({ accessLog: "all" });

  for (const name of HOSTILE_NAMES) {
    const facts = factsOf("abc", { subject: name });
    events.joined(facts, name);
    events.left(facts, name);
    events.closed(facts, { closeCode: 1000, by: "peer", bytesIn: 0, bytesOut: 0 });
  }

  expect(written).toHaveLength(HOSTILE_NAMES.length * 3);
  for (const line of written) {
    expect(line).toMatch(/^[\x20-\x7e]+\n$/);
    expect(line).not.toMatch(/forged|jndi|exe|red/);
  }
});

it("keeps a client's address from beginning a line too: a proxy's header may hold anything", () => {
  const { events, written } = scene({ accessLog: "all" });

  for (const name of HOSTILE_NAMES) events.refused({ requestId: "abc", clientAddress: name }, "address", 403);

  for (const line of written) {
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({ msg: "refuse" });
    // JSON has no raw control characters; \u007f and above it may be raw.
    expect(Buffer.from(line.slice(0, -1)).findIndex((byte) => byte < 0x20)).toBe(-1);
  }
});

it("logs nothing when it is off, and counts all the same", () => {
  const { events, written } = scene({ accessLog: "off" });

  events.connected(factsOf("abc"));
  events.refused(factsOf("def"), "draining", 503);
  events.closed(factsOf("abc"), { closeCode: 1006, by: "peer", bytesIn: 0, bytesOut: 0 });

  const { opened, closed } = events.counts();
  expect(written).toEqual([]);
  expect(opened).toEqual([{ dialect: "topic", client: "classic", count: 1 }]);
  expect(closed).toMatchObject({ "connection-lost": 1, normal: 0 });
  expect(events.recentRefusals()).toMatchObject([{ reason: "draining", status: 503, requestId: "def" }]);
});

it("takes a connection into the sample with all its lines or with none, and about one in as many as it is told", () => {
  const { events, lines } = scene({
    accessLog: "sample",
    accessLogSampleOneIn: 10,
    accessLogLinesPerSecond: 1_000_000,
  });

  for (let number = 0; number < 2000; number += 1) {
    const facts = factsOf(`id${number}`);
    events.connected(facts);
    events.closed(facts, { closeCode: 1000, by: "peer", bytesIn: 0, bytesOut: 0 });
  }

  const connects = lines().filter(({ msg }) => msg === "connect");
  const closes = lines().filter(({ msg }) => msg === "close");
  expect(closes.map(({ requestId }) => requestId)).toEqual(connects.map(({ requestId }) => requestId));
  expect(connects.length).toBeGreaterThan(130);
  expect(connects.length).toBeLessThan(270);
});

it("writes as many lines in a second as it may, not one more, and goes on in the next", () => {
  const { events, written, clock } = scene({ accessLog: "all", accessLogLinesPerSecond: 3 });
  const refuse = (times: number) => {
    for (let time = 0; time < times; time += 1) events.refused(factsOf("abc"), "address", 403);
  };

  refuse(3);
  const atTheBound = events.counts().suppressedLines;
  refuse(1);
  clock.advance(1000);
  refuse(2);

  expect(atTheBound).toBe(0);
  expect(written).toHaveLength(5);
  expect(events.counts().suppressedLines).toBe(1);
});

it("folds refusals of one reason, so that who comes back over and over does not push the others out", () => {
  const { events, clock } = scene({ accessLog: "off" });
  const firstAtMs = clock.epochMs();

  events.refused(factsOf("id0"), "origin", 403);
  for (let number = 1; number < 1000; number += 1) {
    clock.advance(1);
    events.refused(factsOf(`id${number}`), "memory", 503);
  }

  const atMs = clock.epochMs();
  expect(events.recentRefusals()).toEqual([
    { reason: "memory", status: 503, requestId: "id999", count: 999, firstAtMs: firstAtMs + 1, atMs },
    { reason: "origin", status: 403, requestId: "id0", count: 1, firstAtMs, atMs: firstAtMs },
  ]);
  expect(JSON.stringify(events.recentRefusals())).not.toContain("192.0.2.1");
});

it("remembers the last twenty kinds of refusals, newest first, whatever comes", () => {
  const { events } = scene({ accessLog: "off" });

  for (let number = 0; number < 1000; number += 1) events.refused(factsOf(`id${number}`), `reason-${number}`, 503);

  const recent = events.recentRefusals();
  expect(recent).toHaveLength(20);
  expect(recent[0]).toMatchObject({ requestId: "id999" });
  expect(recent[19]).toMatchObject({ requestId: "id980" });
});

it("calls every close code by a word of its closed set; a client's own codes are other", () => {
  const { events } = scene({ accessLog: "off" });

  for (const closeCode of [1000, 1001, 1005, 1006, 1008, 1013, 3000, 4000, 4999, 65_535]) {
    events.closed(factsOf("abc"), { closeCode, by: "peer", bytesIn: 0, bytesOut: 0 });
  }

  const { closed } = events.counts();
  expect(Object.keys(closed)).toEqual([...closeReasons]);
  expect(closed).toMatchObject({ normal: 3, "connection-lost": 1, "policy-violation": 1, other: 4 });
});

function scene(options: Partial<AccessLogOptions>) {
  const written: string[] = [];
  const clock = new FakeClock();
  const log = createLogger("info", collector(written));
  const defaults = { accessLog: "off", accessLogSampleOneIn: 100, accessLogLinesPerSecond: 1000 } as const;
  const events = new ConnectionEvents(
    { clock, log, clients: [{ dialect: "topic", client: "classic" }], hash: createTopicHash() },
    { ...defaults, ...options },
  );
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { events, written, lines, clock };
}

function factsOf(requestId: string, { subject }: { readonly subject?: string } = {}): ConnectionFacts {
  return { requestId, clientAddress: "192.0.2.1", dialect: "topic", client: "classic", openedAtMs: 0, subject };
}
