import { connect } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { askPoll, framesOf, newPollToken, OPEN_V1, PollClient } from "../support/poll-client.ts";
import { encodeFrame, Opcode } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const JOIN = { type: "join", topic: "t", peerId: "poller" };

it.each([
  ["a token that is too short", { "postern-session": "short", "postern-number": "0" }, 400, "bad-request"],
  [
    "a token with other letters",
    { "postern-session": `${"x".repeat(30)}!`, "postern-number": "0" },
    400,
    "bad-request",
  ],
  ["a token without end", { "postern-session": "x".repeat(65), "postern-number": "0" }, 400, "bad-request"],
  ["no number", { "postern-session": newPollToken() }, 400, "bad-request"],
  ["a negative number", { "postern-session": newPollToken(), "postern-number": "-1" }, 400, "bad-request"],
  ["a number beyond all", { "postern-session": newPollToken(), "postern-number": "9".repeat(20) }, 400, "bad-request"],
  ["a session that is not there", { "postern-session": newPollToken(), "postern-number": "7" }, 410, "unknown-session"],
])("answers %s with a word, and opens nothing", async (_name, headers, status, word) => {
  const relay = await startRelay();

  const answers = [
    await askPoll(relay, { headers }),
    await askPoll(relay, { method: "POST", headers, body: framesOf(JOIN) }),
  ];

  // The upload that has the number 0 and a good token is the only one that opens a session.
  expect(answers.map((answer) => [answer.status, answer.headers["x-refusal"]])).toEqual([
    [status, word],
    [status, word],
  ]);
  expect(relay.figures().connections).toBe(0);
});

it("takes no number that is further ahead than two, and no confirmation of what was never given", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.pollNext();

  const gap = await poller.upload(3, framesOf({ type: "ping", ref: 1 }));
  const ahead = await poller.poll(3, 1);
  const invented = await poller.poll(1, 900);
  const next = await poller.send({ type: "ping", ref: 2 });

  for (const { status, headers } of [gap, ahead, invented]) {
    expect([status, headers["x-refusal"]]).toEqual([400, "bad-number"]);
  }
  expect(next).toBe("applied");
});

it("takes no body that is larger than an upload may be, with or without a length", async () => {
  const relay = await startRelay({ maxFrameBytes: 65_536 });
  const poller = await PollClient.openV1(relay, JOIN);
  const body = Buffer.alloc(20_000);

  const told = await poller.upload(1, body);
  const untold = await unannounced(relay, poller.token, body);
  const next = await poller.send({ type: "ping", ref: 2 });

  expect([told.status, told.headers["x-refusal"]]).toEqual([413, "too-large"]);
  expect(untold).toMatch(/^HTTP\/1\.1 413 /);
  expect(next).toBe("applied");
});

it("ends a session whose client opens it and never comes back", async () => {
  const relay = await startRelay({ sweepIntervalMs: 400, pingIntervalMs: 200, joinTimeoutMs: 5000 });
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  expect(await socket.next()).toMatchObject({ type: "peer-joined" });

  expect(await socket.next()).toMatchObject({ type: "peer-left", peerId: "poller" });
  const late = await poller.poll(0, 0);

  expect([late.status, late.headers["x-refusal"]]).toEqual([410, "unknown-session"]);
  expect(relay.figures()).toMatchObject({ connections: 1, swept: 1 });
});

it("counts sessions that join nothing like WebSockets that do not, and closes them", async () => {
  const relay = await startRelay({ maxUndecidedConnections: 3, joinTimeoutMs: 500, drainTimeoutMs: 200 });
  const open = () =>
    askPoll(relay, {
      method: "POST",
      headers: { "postern-session": newPollToken(), "postern-number": "0", ...OPEN_V1 },
      body: framesOf({ type: "ping", ref: 1 }),
    });

  const answers = [await open(), await open(), await open(), await open()];

  expect(answers.map(({ status, headers }) => [status, headers["x-refusal"]])).toEqual([
    [200, undefined],
    [200, undefined],
    [200, undefined],
    [503, "undecided"],
  ]);
  await eventually(() => expect(relay.figures().connections).toBe(0));
});

it("opens no session again by a late copy of the request that opened it", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.upload(1, encodeFrame({ opcode: Opcode.close, payload: Buffer.from([0x03, 0xe8]) }));
  await eventually(() => expect(relay.figures().connections).toBe(0));

  const copy = await poller.upload(0, framesOf(JOIN));

  expect([copy.status, copy.headers["x-refusal"]]).toEqual([410, "unknown-session"]);
  expect(relay.figures().connections).toBe(0);
});

it("lets nobody into a session by half a token, and gives sessions nothing of each other", async () => {
  const relay = await startRelay();
  const one = await PollClient.openV1(relay, JOIN);
  const other = await PollClient.openV1(relay, { type: "join", topic: "elsewhere", peerId: "other" });

  const guessed = await askPoll(relay, {
    headers: { "postern-session": one.token.slice(0, -1), "postern-number": "1", "postern-received": "0" },
  });
  await one.send({ type: "data", topic: "t", data: "secret" });
  await other.pollNext();

  expect(guessed.status).toBe(410);
  expect(
    other
      .frames()
      .map(({ payload }) => payload.toString())
      .join(),
  ).not.toContain("secret");
});

it("closes a session that breaks the protocol, with the code that a WebSocket gets", async () => {
  const relay = await startRelay();
  const codes = [];
  for (const frame of [
    encodeFrame({ payload: "{}", isMasked: false }),
    encodeFrame({ payload: "{}", isFinal: false }),
    encodeFrame({ payload: "{}", opcode: 3 }),
    encodeFrame({ payload: Buffer.from([0xff, 0xff]) }),
  ]) {
    const poller = await PollClient.openV1(relay, { type: "join", topic: "t" });
    await poller.upload(1, frame);
    while ((await poller.pollNext()) === 200);
    codes.push(poller.frames().at(-1)?.payload.readUInt16BE(0));
  }

  expect(codes).toEqual([1002, 1002, 1002, 1007]);
});

it("lets no upgrade begin behind a poll that waits on the same connection", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.pollNext();
  const socket = connect({ host: "127.0.0.1", servername: "localhost", port: relay.port, ca: relay.certificate });
  onTestFinished(() => void socket.destroy());
  let answered = "";
  socket.on("data", (chunk: Buffer) => {
    answered += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);

  socket.write(
    `GET / HTTP/1.1\r\nHost: localhost\r\nPostern-Session: ${poller.token}\r\nPostern-Number: 1\r\nPostern-Received: 1\r\n\r\n` +
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );

  await eventually(() => expect(socket.destroyed || socket.readableEnded).toBe(true));
  expect(answered).not.toContain(" 101 ");
});

it("says nothing of tokens and topics in the log", async () => {
  const relay = await startRelay({ accessLog: "all" });
  const poller = await PollClient.openV1(relay, { type: "join", topic: "a-secret-topic" });
  await poller.pollNext();
  await askPoll(relay, { headers: { "postern-session": newPollToken(), "postern-number": "3" } });

  const log = JSON.stringify(relay.logLines());

  expect(log).toContain('"connect"');
  expect(log).not.toContain(poller.token);
  expect(log).not.toContain("a-secret-topic");
});

/** Sends a body in one chunk, with no word on its length. @returns the answer as it came. */
async function unannounced(relay: TestRelay, token: string, body: Buffer): Promise<string> {
  const socket = connect({ host: "127.0.0.1", servername: "localhost", port: relay.port, ca: relay.certificate });
  onTestFinished(() => void socket.destroy());
  let answered = "";
  socket.on("data", (chunk: Buffer) => {
    answered += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.write(
    `POST / HTTP/1.1\r\nHost: localhost\r\nPostern-Session: ${token}\r\nPostern-Number: 1\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`,
  );
  socket.write(body);
  await eventually(() => expect(answered).toContain("\r\n\r\n"));
  return answered;
}
