import { once } from "node:events";
import { expect, it } from "vitest";
import { createDialects } from "../../relay/dialects/all.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ECHO_GREETING, EchoDialect, MAX_ECHO_BODY_BYTES, MAX_ECHO_BYTES } from "../fixtures/echo/echo-dialect.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { Client, openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { PlainClient, type PlainOptions } from "../support/plain-client.ts";
import { answerTo } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** A relay that speaks one dialect more: here is the one line. */
function startWithEcho(overrides: Parameters<typeof startRelay>[0] = {}, clock?: FakeClock): Promise<TestRelay> {
  return startRelay({ adminToken: ADMIN_TOKEN, ...overrides }, clock, {
    createDialects: (parts, names) => [new EchoDialect(parts), ...createDialects(parts, names)],
  });
}

function openEcho(
  relay: TestRelay,
  { path = "/echo", ...options }: { readonly path?: string } & PlainOptions = {},
): Promise<PlainClient> {
  return PlainClient.open(relay, path, options);
}

async function metricsOf(relay: TestRelay): Promise<Readonly<Record<string, number>>> {
  const { body } = await askAsAdmin(relay, "/metrics");
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}

it("speaks both dialects, each on its own path, and a host that one of them claims", async () => {
  const relay = await startWithEcho();
  const echo = await openEcho(relay);
  const byHost = await openEcho(relay, {
    path: "/echoes-of-a-host",
    headers: { host: `Echo.localhost:${relay.port}` },
  });
  const topic = await openClassic(relay, "t", "a");
  await openClassic(relay, "t", "b");

  echo.send("hello");
  echo.send(Buffer.of(0, 255));
  byHost.send("hello, host");
  await Promise.all([echo.settled(), byHost.settled()]);

  expect(echo.heard).toEqual(["hello", "binary 00ff"]);
  expect(byHost.heard).toEqual(["hello, host"]);
  expect(await topic.next()).toMatchObject({ type: "peer-joined", peerId: "b" });
  expect((await ask(relay, "/nobodys-path", {})).status).toBe(404);
});

it("lets each dialect choose its subprotocol, and no other's", async () => {
  const relay = await startWithEcho();

  const chosen = await Promise.all(
    [
      { path: "/echo", subprotocols: ["postern.v1", "echo.v1"] },
      { path: "/", subprotocols: ["echo.v1", "postern.v1"] },
    ].map(async (options) => (await openEcho(relay, options)).socket.protocol),
  );

  expect(chosen).toEqual(["echo.v1", "postern.v1"]);
});

it("gives a conversation on a path of two dialects to the one that knows its first message, or else to the last", async () => {
  const relay = await startWithEcho();
  const path = "/plures/echo";
  const [echo, topic] = [await openEcho(relay, { path }), await Client.open(relay, { path })];

  echo.send(ECHO_GREETING);
  echo.send('{"type":"join","topic":"t"}');
  topic.send({ type: "join", topic: "t", peerId: "shared" });
  topic.send(ECHO_GREETING);
  await Promise.all([echo.settled(), topic.settled()]);
  const other = await openClassic(relay, "t", "other");

  expect(echo.heard).toEqual([ECHO_GREETING, '{"type":"join","topic":"t"}']);
  expect(await topic.next()).toMatchObject({ type: "peer-joined", peerId: "other" });
  expect(await other.next()).toMatchObject({ type: "peer-joined", peerId: "shared" });
  expect(relay.figures()).toMatchObject({ connections: 3, peers: 2 });
});

it("takes a client that never speaks on such a path for one of the last, and counts it as opened and closed once", async () => {
  const clock = new FakeClock();
  const relay = await startWithEcho({}, clock);
  const silent = await Client.open(relay, { path: "/plures/echo" });
  await silent.settled();
  const opened = 'relay_connections_total{dialect="topic",client="classic"}';
  const whileOpen = await metricsOf(relay);

  clock.advance(30_000);

  expect(await silent.closed()).toEqual({ code: 1008, reason: "no join in time" });
  await eventually(async () => {
    const after = await metricsOf(relay);
    expect(after["relay_connections_active"]).toBe(0);
    expect(after[opened]).toBe(1);
    expect(after['relay_connections_closed_total{reason="policy-violation"}']).toBe(1);
  });
  expect(whileOpen[opened]).toBe(0);
  expect(whileOpen["relay_connections_undecided"]).toBe(1);
});

it("has the traffic, the refusals, the opened and the closed of the new dialect in its metrics, without another line", async () => {
  const relay = await startWithEcho();
  const [plain, polite] = [await openEcho(relay), await openEcho(relay, { path: "/echo", subprotocols: ["echo.v1"] })];
  plain.send("12345");
  plain.send("");
  await plain.settled();
  plain.send("bye");
  polite.send("bye");

  expect(await plain.closed()).toEqual({ code: 4000, reason: "bye" });
  await polite.closed();
  await eventually(async () => {
    const metrics = await metricsOf(relay);
    const way = '{dialect="echo",client="plain",encoding="binary"}';
    expect(metrics[`relay_messages_received_total${way}`]).toBe(1);
    expect(metrics[`relay_bytes_received_total${way}`]).toBe(5);
    expect(metrics[`relay_bytes_sent_total${way}`]).toBe(7);
    expect(metrics['relay_messages_rejected_total{code="echo-of-nothing"}']).toBe(1);
    expect(metrics['relay_connections_total{dialect="echo",client="plain"}']).toBe(1);
    expect(metrics['relay_connections_total{dialect="echo",client="polite"}']).toBe(1);
    expect(metrics['relay_connections_closed_total{reason="other"}']).toBe(2);
  });
});

it.each([["/echo"], ["/plures/echo"]])(
  "takes a message of the bound at %s, and closes with 1009 at one more byte",
  async (path) => {
    const relay = await startWithEcho();
    const [atTheBound, above] = [await openEcho(relay, { path }), await openEcho(relay, { path })];
    for (const client of [atTheBound, above]) client.send(ECHO_GREETING);

    atTheBound.send("x".repeat(MAX_ECHO_BYTES));
    above.send("x".repeat(MAX_ECHO_BYTES + 1));
    await atTheBound.settled();

    expect(atTheBound.heard.map(({ length }) => length)).toEqual([ECHO_GREETING.length, MAX_ECHO_BYTES]);
    expect(await above.closed()).toEqual({ code: 1009, reason: "message too big" });
  },
);

it("keeps a dialect without a bound to MAX_FRAME_BYTES, also on a path that it shares with one that has a bound", async () => {
  const relay = await startWithEcho({ maxFrameBytes: 20_000 });
  const client = await Client.open(relay, { path: "/plures/echo" });
  client.send({ type: "join", topic: "t", peerId: "a" });
  const reader = await openClassic(relay, "t", "reader");

  client.send({ type: "data", data: "x".repeat(4000) });
  expect((await reader.take(2))[1]).toMatchObject({ type: "data", peerId: "a" });
  client.send({ type: "data", data: "x".repeat(20_000) });

  expect(await client.closed()).toMatchObject({ code: 1009 });
});

it("keeps a silent client for as many sweeps longer as its dialect says", async () => {
  const clock = new FakeClock();
  const relay = await startWithEcho({ sweepIntervalMs: 30_000 }, clock);
  const [echo, topic, alive] = [await openEcho(relay), await openClassic(relay, "t"), await openClassic(relay, "t")];
  await echo.settled();
  // Reading nothing, they see no ping, and so send no pong.
  for (const { socket } of [echo, topic]) socket.pause();

  const sweptAtMs: number[] = [];
  for (let nowMs = 5000; sweptAtMs.length < 2 && nowMs < 200_000; nowMs += 5000) {
    clock.advance(5000);
    await alive.settled();
    if (relay.figures().swept > sweptAtMs.length) sweptAtMs.push(nowMs);
  }

  const [topicAtMs = 0, echoAtMs = 0] = sweptAtMs;
  expect(topicAtMs).toBeGreaterThanOrEqual(45_000);
  // Connections are looked after every 5 s.
  expect(Math.abs(echoAtMs - topicAtMs - 60_000)).toBeLessThanOrEqual(5000);
});

/** The clients of a relay that restarts come back one after the other. */
const RETURN_MS_PER_CONNECTION = 5;

it("announces a restart in the dialect's words and closes as it says", async () => {
  const relay = await startWithEcho();
  const [echo, topic] = [await openEcho(relay), await openClassic(relay, "t")];
  await echo.settled();

  await relay.stop();

  expect(echo.heard).toEqual([`restart ${2 * RETURN_MS_PER_CONNECTION}`]);
  expect(await echo.closed()).toEqual({ code: 4321, reason: "no more echoes" });
  expect(await topic.closed()).toMatchObject({ code: 1012 });
});

it("closes with 1011 where a session has a defect, and logs the request id under which it is known", async () => {
  const relay = await startWithEcho({ accessLog: "all" });
  const [broken, other] = [await openEcho(relay), await openEcho(relay)];

  broken.send("defect");

  expect(await broken.closed()).toEqual({ code: 1011, reason: "internal error" });
  other.send("still here");
  await once(other.socket, "message");
  const lines = relay.logLines();
  const failed = lines.filter(({ msg }) => msg === "session failed");
  expect(failed).toHaveLength(1);
  expect(failed[0]?.["requestId"]).toBe(lines.find(({ msg }) => msg === "connect")?.["requestId"]);
});

it("answers the dialect's pages: with a query and a header, without a body to HEAD, and with 405 to other methods", async () => {
  const relay = await startWithEcho();

  const page = await ask(relay, "/echo?say=hi%20there", { headers: { "x-say": "again" } });
  const head = await ask(relay, "/echo?say=hi", { method: "HEAD" });
  const other = await ask(relay, "/echo", { method: "DELETE" });
  const beside = await ask(relay, "/echo/", {});

  expect(page).toMatchObject({ status: 200, body: "hi there again" });
  expect(page.headers["x-content-type-options"]).toBe("nosniff");
  expect(head).toMatchObject({ status: 200, body: "" });
  expect(head.headers["content-length"]).toBe("4");
  expect(other.status).toBe(405);
  expect(other.headers["allow"]).toBe("HEAD, GET, POST");
  expect(beside.status).toBe(404);
});

/** A request with a body of so many bytes, announced or in chunks. The connection is to stay open where it may. */
function post(byteCount: number, isChunked: boolean, target = "/echo"): string {
  const body = "b".repeat(byteCount);
  const [header, sent] = isChunked
    ? ["Transfer-Encoding: chunked", `${byteCount.toString(16)}\r\n${body}\r\n0\r\n\r\n`]
    : [`Content-Length: ${byteCount}`, body];
  return `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n${sent}`;
}

const LAST = "GET /echo?say=next HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

it.each([[false], [true]])(
  "takes a body of the bound, and answers what comes behind it (in chunks: %s)",
  async (isChunked) => {
    const relay = await startWithEcho();

    const answer = await answerTo(relay, post(MAX_ECHO_BODY_BYTES, isChunked) + LAST);

    expect(answer).toMatch(/^HTTP\/1\.1 201 .*x-echo: yes.*b{16}HTTP\/1\.1 200 .*next -$/s);
  },
);

it.each([[false], [true]])(
  "answers 413 to one byte more, and takes nothing behind it for a request (in chunks: %s)",
  async (isChunked) => {
    const relay = await startWithEcho();

    const answer = await answerTo(relay, post(MAX_ECHO_BODY_BYTES + 1, isChunked) + LAST);

    expect(answer).toMatch(/^HTTP\/1\.1 413 .*connection: close.*Payload Too Large$/is);
  },
);

it("answers 413 to a body without an end as soon as it is too long, and closes", async () => {
  const relay = await startWithEcho();
  const endless = post(MAX_ECHO_BODY_BYTES + 1, true).replace("0\r\n\r\n", "");

  const answer = await answerTo(relay, endless);

  expect(answer).toMatch(/^HTTP\/1\.1 413 .*Payload Too Large$/s);
});

it("answers 500 to a request that meets a defect, logs it once, and goes on", async () => {
  const relay = await startWithEcho();

  const answer = await ask(relay, "/echo/defect", {});

  expect(answer.status).toBe(500);
  expect(answer.body).not.toContain("a defect");
  expect(relay.logLines().filter(({ msg }) => msg === "route failed")).toMatchObject([{ path: "/echo/defect" }]);
  expect((await ask(relay, "/echo?say=on", {})).status).toBe(200);
});

it("has no page of a dialect on the port of the admin pages", async () => {
  const adminPort = await freePort();
  const relay = await startWithEcho({ adminPort });

  expect((await ask(relay, "/echo", { plainPort: adminPort })).status).toBe(404);
  expect((await ask(relay, "/health", { plainPort: adminPort })).status).toBe(200);
  expect((await ask(relay, "/echo")).status).toBe(200);
});
