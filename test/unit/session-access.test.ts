import { expect, it, vi } from "vitest";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Hub } from "../../relay/hub/hub.ts";
import type { Access, Presented, Session } from "../../relay/session/ports.ts";
import { frameTexts } from "../support/frame-texts.ts";
import { hubOptions } from "../support/hub-options.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

/** A hub in which the topic `there` has a member, and no other topic exists. */
function openHub() {
  const hub = new Hub(hubOptions(), { time: new TestTime() });
  const limits = { maxFrameBytes: 1_000_000, maxTopicsPerConnection: 10, maxPayloadBytes: 1_000_000 };
  const dialect = new TopicDialect({
    hub,
    limits,
    pingIntervalMs: 25_000,
    time: new TestTime(),
    takeovers: new Takeovers(),
    nowMs: () => 0,
  });

  function open(subprotocol: string, changes: Partial<Access> = {}) {
    const frames: Uint8Array[] = [];
    const link = Object.assign(new RecordingLink(), { send: (frame: Uint8Array) => void frames.push(frame) });
    const connection = new FakeConnection(changes, link);
    const session = connection.carries(dialect.open(link, connection, { subprotocol }));
    return { session, link, connection, texts: () => frameTexts(frames) };
  }

  const keeper = open("postern.v1");
  say(keeper.session, { type: "join", topic: "there", peerId: "keeper" });
  return { hub, open, keeper };
}

function say(session: Session, message: object | string | Uint8Array): void {
  if (message instanceof Uint8Array) session.receive(message, true, false);
  else session.receive(Buffer.from(typeof message === "string" ? message : JSON.stringify(message)), false, true);
}

/** Lets promises that are settled take their course. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const NOTHING = { isGranted: false, mayPublish: false, mayJoin: () => false };

it.each([
  { type: "join", topic: "there" },
  { type: "join", topic: "nowhere" },
  { type: "join", topic: "there", peerId: "keeper" },
  { type: "join", topic: "" },
  { type: "join" },
  { type: "leave", topic: "there" },
  { type: "data", topic: "there", data: "x" },
  { type: "presence", topic: "there", presence: "x" },
  { type: "offer", topic: "there", to: 1, payload: "x" },
  "broken",
  "",
  Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x68),
  Uint8Array.of(0xff),
])("answers a v1 client without a grant the same whatever it says, and asks no topic: %j", (message) => {
  const { hub, open, keeper } = openHub();
  const topic = vi.spyOn(hub, "topic");
  const join = vi.spyOn(hub, "join");
  const denied = vi.fn();
  const before = keeper.texts().length;
  const { session, link, texts } = open("postern.v1", { ...NOTHING, denied });

  say(session, message);
  say(session, { type: "join", topic: "there" });

  const sentence = "This relay wants a valid token first";
  const error = { type: "error", code: "unauthorized", payload: sentence, reason: "missing", requestId: "test" };
  expect(texts()).toEqual([JSON.stringify(error)]);
  expect(link.closed).toEqual({ code: 4004, reason: "missing" });
  expect([topic.mock.calls, join.mock.calls]).toEqual([[], []]);
  expect(denied).toHaveBeenCalledTimes(1);
  expect(keeper.texts()).toHaveLength(before);
});

it.each([{ topic: "there" }, { topic: "nowhere" }, { topic: "" }, { topic: "x".repeat(300) }, {}])(
  "answers a classic client without a grant the same for every join, and asks no topic: %j",
  (named) => {
    const { hub, open } = openHub();
    const topic = vi.spyOn(hub, "topic");
    const join = vi.spyOn(hub, "join");
    const { session, link, texts } = open("", NOTHING);

    say(session, { type: "join", ...named });

    expect(texts()).toEqual(['{"type":"error","payload":"This relay wants a valid token first"}']);
    expect(link.closed).toEqual({ code: 4004, reason: "missing" });
    expect([topic.mock.calls, join.mock.calls]).toEqual([[], []]);
  },
);

it.each(["postern.v1", ""])(
  "answers a join that the grant does not allow the same for topics that exist and topics that do not: %j",
  (subprotocol) => {
    const { hub, open } = openHub();
    const topic = vi.spyOn(hub, "topic");
    const join = vi.spyOn(hub, "join");

    const answers = ["there", "nowhere"].map((name) => {
      const { session, link, texts } = open(subprotocol, { mayJoin: () => false });
      say(session, { type: "join", topic: name, peerId: "keeper" });
      return { texts: texts(), closed: link.closed };
    });

    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.texts).toHaveLength(1);
    expect(answers[0]?.texts[0]).toContain("The token does not permit this");
    expect(answers[0]?.closed).toEqual(subprotocol === "" ? { code: 4004, reason: "not-permitted" } : undefined);
    expect([topic.mock.calls, join.mock.calls]).toEqual([[], []]);
  },
);

it("refuses everything that a v1 member sends without the verb, and leaves it a member", () => {
  const { open, keeper } = openHub();
  const { session, link, texts } = open("postern.v1", { mayPublish: false });
  say(session, { type: "join", topic: "there", peerId: "reader" });
  const before = keeper.texts().length;

  say(session, { type: "data", topic: "there", data: "x" });
  say(session, { type: "data", topic: "there", data: "x" });
  say(session, { type: "data", topic: "there", to: 1, data: "x" });
  say(session, { type: "offer", topic: "there", to: 1, payload: "x" });
  say(session, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x68));

  const codes = texts().map((text) => (JSON.parse(text) as { readonly code?: string }).code);
  expect(codes).toEqual([undefined, ...Array<string>(5).fill("not-permitted")]);
  expect(keeper.texts()).toHaveLength(before);
  say(keeper.session, { type: "data", topic: "there", data: "y" });
  expect(texts().at(-1)).toContain('"data":"y"');
  expect(link.closed).toBeUndefined();
});

it("closes a classic member that sends without the verb, and delivers nothing of it", () => {
  const { open, keeper } = openHub();
  const { session, link, texts } = open("", { mayPublish: false });
  say(session, { type: "join", topic: "there", peerId: "reader" });

  say(session, { type: "data", data: "x" });

  expect(link.closed).toEqual({ code: 4004, reason: "not-permitted" });
  expect(texts().filter((text) => text.includes("error"))).toEqual([]);
  expect(keeper.texts().filter((text) => text.includes('"data"'))).toEqual([]);
});

it("takes nothing while a token is checked, and answers when it is", async () => {
  const { open } = openHub();
  const { promise, resolve } = Promise.withResolvers<Presented>();
  const { session, link, texts } = open("postern.v1", { ...NOTHING, present: () => promise });

  say(session, { type: "auth", token: "t", ref: 7 });
  expect([link.isHeld, texts()]).toEqual([true, []]);
  resolve({ outcome: "granted", expiresAtMs: 1_795_000_060_000 });
  await turn();

  expect(link.isHeld).toBe(false);
  expect(texts()).toEqual(['{"type":"authorized","expiresAtMs":1795000060000,"ref":7}']);
});

it.each<Presented>([
  { outcome: "granted", expiresAtMs: undefined },
  { outcome: "kept", refusal: "expired" },
  { outcome: "refused", refusal: "expired" },
])("says nothing to a connection that ended while its token was checked: %j", async (presented) => {
  const { open } = openHub();
  const { promise, resolve } = Promise.withResolvers<Presented>();
  const { session, link, texts } = open("postern.v1", { ...NOTHING, present: () => promise });
  say(session, { type: "auth", token: "t" });

  session.end("cut");
  resolve(presented);
  await turn();

  expect([texts(), link.closed]).toEqual([[], undefined]);
});

it("reports a check that breaks as a defect of this connection, and not of the process", async () => {
  const { open } = openHub();
  const { session, link, connection } = open("postern.v1", {
    ...NOTHING,
    present: () => Promise.reject(new Error("a defect")),
  });

  say(session, { type: "auth", token: "t" });
  await turn();

  expect(connection.told).toEqual(["failed Error: a defect"]);
  expect(link.isHeld).toBe(false);
});

it.each([
  ["expired", 4003, ""],
  ["revoked", 4005, ""],
  ["bad-signature", 4004, ""],
  ["too-many-connections", 1013, '"retryAfterMs":30000,'],
  ["too-many-checks", 1013, '"retryAfterMs":5000,'],
  ["keys-unavailable", 1013, '"retryAfterMs":30000,'],
] as const)(
  "closes for %s with %i, after an error that names the reason, the request and when it passes",
  async (refusal, code, wait) => {
    const { open } = openHub();
    const present = (): Promise<Presented> => Promise.resolve({ outcome: "refused", refusal });
    const { session, link, texts } = open("postern.v1", { ...NOTHING, present });

    say(session, { type: "auth", token: "t", ref: 1 });
    await turn();

    expect(texts()[0]).toContain(`"reason":"${refusal}","requestId":"test",${wait}"ref":1`);
    expect(link.closed).toEqual({ code, reason: refusal });
  },
);

it("tells a client that a renewal does not do, and goes on", async () => {
  const { open } = openHub();
  const { session, link, texts } = open("postern.v1", {
    present: () => Promise.resolve({ outcome: "kept", refusal: "expired" }),
  });

  say(session, { type: "auth", token: "t", ref: 1 });
  await turn();
  say(session, { type: "join", topic: "there" });

  expect(texts()[0]).toMatch(/"code":"unauthorized".*"reason":"expired","ref":1}$/);
  expect(texts()[0]).not.toContain("requestId");
  expect(texts()[1]).toContain('"type":"joined"');
  expect(link.closed).toBeUndefined();
});

it("leaves the topics that a renewal allows no more, and tells both sides, before it says authorized", async () => {
  const { open, keeper } = openHub();
  let allowed = ["there", "b", "c"];
  const { session, connection, texts } = open("postern.v1", { mayJoin: (name) => allowed.includes(name) });
  for (const topic of allowed) say(session, { type: "join", topic, peerId: "me" });
  const before = texts().length;

  allowed = ["b"];
  say(session, { type: "auth", token: "narrower" });
  await turn();

  const told = texts()
    .slice(before)
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(told.map(({ type, topic }) => [type, topic])).toEqual([
    ["peer-left", "there"],
    ["peer-left", "c"],
    ["authorized", undefined],
  ]);
  expect(keeper.texts().at(-1)).toContain('"type":"peer-left","topic":"there","peerId":"me"');
  expect(connection.told).toEqual(["joined there", "joined b", "joined c", "authorized", "left there", "left c"]);
  say(session, { type: "data", topic: "there", data: "x" });
  expect(texts().at(-1)).toContain("not-joined");
});

it.each(["postern.v1", ""])("ends the memberships when the grant ends, and takes nothing more: %j", (subprotocol) => {
  const { open, keeper } = openHub();
  let end: ((why: "revoked") => void) | undefined;
  const { session, link, texts } = open(subprotocol, { whenEnded: (callback) => void (end = callback) });
  say(session, { type: "join", topic: "there", peerId: "me" });

  end?.("revoked");
  const before = texts().length;
  say(session, { type: "join", topic: "there", peerId: "me" });

  expect(link.closed).toEqual({ code: 4005, reason: "revoked" });
  expect(keeper.texts().at(-1)).toContain('"type":"peer-left","topic":"there","peerId":"me"');
  expect(texts()).toHaveLength(before);
});

it("refuses what a member shows shortly before its close, and takes it behind the close frame", () => {
  const { hub, open } = openHub();
  const { session, texts } = open("postern.v1");
  say(session, { type: "join", topic: "there", peerId: "m" });
  const shown = () => [...(hub.topic("there")?.members() ?? [])].map(({ presence }) => presence);

  session.refuseNew();
  say(session, { type: "presence", topic: "there", presence: "refused", ref: 1 });
  const whileRefusing = shown();
  session.hearOut();
  say(session, { type: "presence", topic: "there", presence: "taken", ref: 2 });

  expect(JSON.parse(texts().at(-1) ?? "")).toMatchObject({ code: "restarting", ref: 1 });
  expect([whileRefusing, shown()]).toEqual([
    [undefined, undefined],
    [undefined, "taken"],
  ]);
});
