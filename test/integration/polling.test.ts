import { expect, it } from "vitest";
import { Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { askPoll, framesOf, newPollToken, OPEN_V1, PollClient } from "../support/poll-client.ts";
import { decodeFrames, encodeFrame, Opcode } from "../support/raw-socket.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const JOIN = { type: "join", topic: "t", peerId: "poller" };

it("brings a client that polls into a topic with those that have a WebSocket, with the same messages", async () => {
  const relay = await startRelay();
  const [socket, joined] = await openV1(relay, "t", "socket");

  const poller = await PollClient.openV1(relay, JOIN);
  const welcome = await poller.next();
  expect(await socket.next()).toMatchObject({ type: "peer-joined", peerId: "poller" });
  const verdict = await poller.send({ type: "data", topic: "t", data: "from the poller" });
  expect(await socket.next()).toMatchObject({ type: "data", peerId: "poller", data: "from the poller" });
  socket.send({ type: "data", topic: "t", data: "from the socket" });

  expect(verdict).toBe("applied");
  expect(welcome).toMatchObject({ type: "joined", members: [{ peerId: "socket" }] });
  expect(welcome["features"]).toContain("polling");
  expect(await poller.next()).toMatchObject({
    type: "data",
    peerHandle: joined["peerHandle"],
    data: "from the socket",
  });
  expect(relay.figures()).toMatchObject({ connections: 2, peers: 2 });
});

it("gives whole answers that nobody keeps: a length, octets, no store", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);

  const uploaded = await poller.upload(1, framesOf({ type: "ping", ref: 1 }));
  const polled = await poller.poll(0, 0);

  for (const [{ status, headers }, number] of [
    [uploaded, "1"],
    [polled, "0"],
  ] as const) {
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "application/octet-stream",
      "cache-control": "no-store, no-transform",
      "access-control-allow-origin": "*",
      "postern-number": number,
    });
    expect(headers["x-request-id"]).toMatch(/^[a-z2-7]{10}$/);
    expect(headers["transfer-encoding"]).toBeUndefined();
  }
  expect(uploaded.body.toString()).toBe("applied\n");
  expect(uploaded.headers["content-length"]).toBe("8");
  expect(uploaded.headers["postern-limit"]).toBe("1048576");
  expect(decodeFrames(polled.body).map(({ payload }) => JSON.parse(payload.toString()))).toMatchObject([
    { type: "joined" },
    { type: "pong" },
  ]);
});

it("takes a copy of an upload once, from another connection and late, and says the same of it", async () => {
  const relay = await startRelay();
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  await socket.next();
  const body = framesOf({ type: "data", topic: "t", data: "once" });

  const answers = await Promise.all(
    Array.from({ length: 5 }, () => askPoll(relay, { ...copyOf(poller.token, 1), body })),
  );
  await poller.upload(2, framesOf({ type: "data", topic: "t", data: "then" }));
  const late = await askPoll(relay, { ...copyOf(poller.token, 1), body });

  expect([...answers, late].map((answer) => answer.body.toString())).toEqual(Array(6).fill("applied\n"));
  expect(await socket.take(2)).toMatchObject([{ data: "once" }, { data: "then" }]);
  await socket.expectNothing();
});

it("opens one session however often its first upload comes", async () => {
  const relay = await startRelay();
  const [socket] = await openV1(relay, "t", "socket");
  const session = newPollToken();

  const answers = await Promise.all(
    Array.from({ length: 5 }, () => askPoll(relay, { ...copyOf(session, 0), body: framesOf(JOIN) })),
  );

  expect(answers.map(({ body }) => body.toString())).toEqual(Array(5).fill("applied\n"));
  expect(await socket.next()).toMatchObject({ type: "peer-joined", peerId: "poller" });
  await socket.expectNothing();
  expect(relay.figures().connections).toBe(2);
});

it("takes uploads in the order of their numbers", async () => {
  const relay = await startRelay();
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  await socket.next();

  const second = poller.upload(2, framesOf({ type: "data", topic: "t", data: "second" }));
  await poller.upload(1, framesOf({ type: "data", topic: "t", data: "first" }));
  await second;

  expect(await socket.take(2)).toMatchObject([{ data: "first" }, { data: "second" }]);
});

it("does not consume what a poll reads: the same again, until the client says that it has it", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);

  const first = await poller.poll(0, 0);
  const again = await poller.poll(0, 0);
  const late = poller.poll(0, 1);
  const next = poller.poll(1, 1, { waitSeconds: 1 });

  expect(first.body.length).toBeGreaterThan(0);
  expect(again.body).toEqual(first.body);
  expect((await late).body).toHaveLength(0);
  expect((await next).body).toHaveLength(0);
});

it("keeps a poll waiting as long as the client says, and answers it at once when there is something", async () => {
  const relay = await startRelay();
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.pollNext();

  const polled = poller.poll(1, 1);
  socket.send({ type: "data", topic: "t", data: "now" });
  const { body } = await polled;

  expect(decodeFrames(body).map(({ payload }) => JSON.parse(payload.toString()))).toMatchObject([{ data: "now" }]);
});

it("lets a poll overtake the upload that opens its session", async () => {
  const relay = await startRelay();
  const poller = new PollClient(relay);

  const polled = poller.poll(0, 0);
  await poller.send(JOIN);

  expect((await polled).status).toBe(200);
});

it("closes a session as a WebSocket is closed: by a frame with the code, and by one of the client's", async () => {
  const relay = await startRelay();
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  await socket.next();
  const wrong = await PollClient.openV1(relay, JOIN);

  const verdict = await poller.upload(1, encodeFrame({ opcode: Opcode.close, payload: Buffer.from([0x03, 0xe8]) }));
  expect(await socket.next()).toMatchObject({ type: "peer-left", peerId: "poller" });
  const after = await poller.poll(0, 0);
  await wrong.upload(1, encodeFrame({ payload: "{}", isMasked: false }));
  while ((await wrong.pollNext()) === 200);

  expect(verdict.body.toString()).toBe("applied\n");
  expect([after.status, after.headers["x-refusal"]]).toEqual([410, "unknown-session"]);
  expect(wrong.frames().at(-1)?.payload.readUInt16BE(0)).toBe(1002);
});

it("tells a client that polls of a planned stop, and closes it with 1012", async () => {
  const relay = await startRelay({ drainTimeoutMs: 3000 });
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.next();

  const stopped = relay.stop();
  while ((await poller.pollNext().catch(() => 0)) === 200);
  await stopped;

  const frames = poller.frames();
  expect(frames.map(({ payload }) => payload.toString()).join()).toContain('"restarting"');
  expect(frames.at(-1)).toMatchObject({ opcode: Opcode.close });
  expect(frames.at(-1)?.payload.readUInt16BE(0)).toBe(1012);
});

it("answers the question of a browser once for all requests", async () => {
  const relay = await startRelay();

  const { status, headers } = await askPoll(relay, {
    method: "OPTIONS",
    headers: {
      origin: "https://app.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,postern-number,postern-session",
    },
  });

  expect(status).toBe(204);
  expect(headers).toMatchObject({
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST",
    "access-control-max-age": "7200",
  });
  for (const name of ["session", "number", "received", "wait", "subprotocol"]) {
    expect(headers["access-control-allow-headers"]).toContain(`postern-${name}`);
  }
});

it("lets in whom it lets in by WebSocket, and says no with the same words", async () => {
  const relay = await startRelay({ ...(await tokenOptions()), allowedOrigins: ["https://app.example"] });
  const open = (headers: Readonly<Record<string, string>>) =>
    askPoll(relay, { ...copyOf(newPollToken(), 0, headers), body: framesOf(JOIN) });

  const wrong = await open({ authorization: "Bearer nonsense" });
  const elsewhere = await open({ origin: "https://other.example" });
  const right = await open({ authorization: `Bearer ${await token()}` });

  expect([wrong.status, wrong.headers["x-refusal"]]).toEqual([401, "malformed"]);
  expect([elsewhere.status, elsewhere.headers["x-refusal"]]).toEqual([403, "origin"]);
  expect(right.status).toBe(200);
});

it("takes none where it is turned off, and where relays share a port unless it is asked for", async () => {
  const off = await startRelay({ polling: "off" });
  const shared = await startRelay({ reusePort: true });
  const asked = await startRelay({ reusePort: true, polling: "on" });

  const answers = [];
  for (const relay of [off, shared, asked]) {
    answers.push(await askPoll(relay, { ...copyOf(newPollToken(), 0), body: framesOf(JOIN) }));
  }

  expect(answers.map(({ status, headers }) => [status, headers["postern-number"]])).toEqual([
    [405, undefined],
    [405, undefined],
    [200, "0"],
  ]);
});

it("makes the senders of a topic wait for a reader that polls as for any other, and loses nothing", async () => {
  const relay = await startRelay();
  const poller = await PollClient.openV1(relay, JOIN);
  await poller.next();
  const [sender] = await openV1(relay, "t", "sender");
  const data = "x".repeat(100_000);

  for (let count = 0; count < 40; count += 1) sender.send({ type: "data", topic: "t", data: `${count} ${data}` });
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  const received = [];
  while (received.length < 40) {
    const message = await poller.next();
    if (message["type"] === "data") received.push(Number.parseInt(String(message["data"]), 10));
  }

  expect(received).toEqual(Array.from({ length: 40 }, (_, index) => index));
});

it("holds back a poller that sends above its rate, says not yet, and takes all of it once", async () => {
  const relay = await startRelay({ messagesPerSecondPerConnection: 2, rateBurstMs: 0 });
  const [socket] = await openV1(relay, "t", "socket");
  const poller = await PollClient.openV1(relay, JOIN);
  await socket.next();
  const messages = Array.from({ length: 12 }, (_, index) => ({ type: "data", topic: "t", data: String(index) }));

  const verdicts = [await poller.send(...messages)];
  while (verdicts.at(-1) === "not-yet") {
    const { body } = await poller.upload(1, Buffer.alloc(0));
    verdicts.push(body.toString().trim());
  }

  expect(verdicts).toEqual(["not-yet", "applied"]);
  expect((await socket.take(12)).map(({ data }) => data)).toEqual(messages.map(({ data }) => data));
});

it("gives a member that polls and one that does not the very same bytes", async () => {
  const relay = await startRelay();
  const reader = await Client.openV1(relay);
  reader.send({ type: "join", topic: "t" });
  await reader.next();
  const poller = await PollClient.openV1(relay, { type: "join", topic: "t" });
  await poller.next();
  await reader.next();
  const [sender] = await openV1(relay, "t", "sender");
  await reader.next();
  await poller.next();

  sender.send({ type: "data", topic: "t", data: "for both" });
  await reader.next();
  await poller.next();

  expect(poller.frames().at(-1)?.payload.toString()).toBe(reader.texts.at(-1));
});

/** A request that says what a client's would, on a connection of its own. */
function copyOf(session: string, number: number, headers: Readonly<Record<string, string>> = {}) {
  return {
    method: "POST",
    headers: { "postern-session": session, "postern-number": String(number), ...OPEN_V1, ...headers },
  };
}
