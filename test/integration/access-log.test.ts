import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** What a stranger may call a topic or a peer. */
const HOSTILE = 'evil"}\r\n{"level":"fatal","msg":"forged"}\u001b[2J\u001b]0;owned\u0007\u202e\u2028';

it("tells the whole story of a connection under one request id", async () => {
  const relay = await startRelay({ accessLog: "all" });
  const [client] = await openV1(relay, "t", "a");
  client.send({ type: "leave", topic: "t" });
  await client.next();
  client.socket.close(1000);
  await client.closed();

  await eventually(() => expect(linesOf(relay).map(({ msg }) => msg)).toEqual(["connect", "join", "leave", "close"]));
  const lines = linesOf(relay);
  const requestIds = new Set(lines.map(({ requestId }) => requestId));
  expect(requestIds.size).toBe(1);
  expect([...requestIds][0]).toMatch(/^[a-z2-7]{10,}$/);
  expect(lines[0]).toMatchObject({
    clientAddress: expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$/),
    dialect: "topic",
    client: "postern.v1",
  });
  expect(lines[1]?.["topic"]).toBe(lines[2]?.["topic"]);
  expect(lines[3]).toMatchObject({ reason: "normal", closeCode: 1000, durationMs: expect.any(Number) });
  expect(lines[3]?.["bytesIn"]).toBeGreaterThan(40);
  expect(lines[3]?.["bytesOut"]).toBeGreaterThan(40);
});

it("gives who is refused the id under which the refusal is in the log", async () => {
  const relay = await startRelay({ accessLog: "all" });

  const requestId = await refusedUpgrade(relay, "/nowhere");

  await eventually(() => expect(linesOf(relay)).toHaveLength(1));
  expect(linesOf(relay)[0]).toMatchObject({ msg: "refuse", requestId, reason: "no-such-path", status: 404 });
});

it("lets no name of a client begin a line, reach a terminal, or be read at all", async () => {
  const relay = await startRelay({ accessLog: "all" });
  const classic = await openClassic(relay, HOSTILE, HOSTILE.slice(0, 40));
  const [v1] = await openV1(relay, HOSTILE, `${HOSTILE.slice(0, 40)}2`);
  v1.send({ type: "leave", topic: HOSTILE });
  await v1.next();
  await refusedUpgrade(relay, `/${encodeURIComponent(HOSTILE)}`, { "x-forwarded-for": "evil", "user-agent": "evil" });
  classic.socket.close(4999, "evil");
  await classic.closed();

  await eventually(() => expect(linesOf(relay).map(({ msg }) => msg)).toContain("close"));

  // Each of them was parsed as one line of JSON.
  // Ids of requests are random: one may spell anything.
  const text = JSON.stringify(relay.logLines().map(({ requestId: _random, ...line }) => line));
  expect(text).not.toMatch(/evil|forged|owned|\\u001b|\\u0007|\u202e|\u2028/i);
  expect(relay.logLines().filter(({ level }) => level === "fatal")).toEqual([]);
});

it("logs nothing of connections unless it is asked to", async () => {
  const relay = await startRelay();
  const client = await openClassic(relay, "t");
  client.socket.close();
  await client.closed();
  await refusedUpgrade(relay, "/nowhere");

  await eventually(() => expect(relay.figures().connections).toBe(0));

  expect(linesOf(relay)).toEqual([]);
  expect(JSON.stringify(relay.logLines())).not.toMatch(/clientAddress/);
});

type Line = Readonly<Record<string, unknown>>;

/** The lines of the access log, oldest first. */
function linesOf(relay: TestRelay): readonly Line[] {
  return relay.logLines().filter(({ msg }) => /^(connect|refuse|join|leave|close)$/.test(String(msg)));
}

/** @returns the id that came with the refusal. */
function refusedUpgrade(relay: TestRelay, path: string, headers: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${relay.url}${path}`, { ca: relay.certificate, headers });
    socket.on("unexpected-response", (_, response) => {
      socket.terminate();
      resolve(response.headers["x-request-id"]);
    });
    socket.on("open", () => reject(new Error("the upgrade was not refused")));
    socket.on("error", () => undefined);
  });
}
