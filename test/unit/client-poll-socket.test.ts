import { expect, it } from "vitest";
import type { SocketEnd } from "../../client/line/socket.ts";
import type { HttpAnswer, HttpQuestion } from "../../client/polling/http-request.ts";
import { pollDial } from "../../client/polling/poll-socket.ts";
import { closeFrame } from "../../relay/wire/control-frame.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { settled } from "../support/scripted-line.ts";

type Pending = { readonly question: HttpQuestion; answer(answer: Partial<HttpAnswer> & Headers): void; fail(): void };
type Headers = { readonly headers?: Readonly<Record<string, string>> };

/** A socket that polls, whose requests the test answers. */
function scene() {
  const clock = new FakeClock();
  const pending: Pending[] = [];
  const told: string[] = [];
  const ends: SocketEnd[] = [];
  const request = (question: HttpQuestion): Promise<HttpAnswer> => {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    pending.push({
      question,
      answer: ({ status = 200, body = new Uint8Array(0), headers = {} }) => {
        const all: Readonly<Record<string, string>> = { "postern-number": numberOf(question), ...headers };
        resolve({ status, body, header: (name) => all[name] });
      },
      fail: () => reject(new Error("cut")),
    });
    question.signal.addEventListener("abort", () => reject(new Error("aborted")));
    return promise;
  };
  const socket = pollDial({ clock, request, newToken: () => "x".repeat(22) })("wss://relay.test/a?b", {
    onOpen: () => told.push("open"),
    onText: (text) => told.push(text),
    onBytes: (bytes) => told.push(`${bytes.length} bytes`),
    onEnd: (end) => ends.push(end),
  });
  /** The requests of this method that have not been looked at. */
  const take = (method: "GET" | "POST"): Pending[] => {
    const taken = pending.filter(({ question }) => question.method === method);
    for (const one of taken) pending.splice(pending.indexOf(one), 1);
    return taken;
  };
  const open = async (): Promise<void> => {
    clock.advance(0);
    socket.send("hello");
    await settled();
    take("POST")[0]?.answer({ body: Buffer.from("applied\n"), headers: { "postern-limit": "524288" } });
    await settled();
  };
  return { clock, socket, told, ends, take, open };
}

const numberOf = ({ headers }: HttpQuestion): string => headers["postern-number"] ?? "";
/** A proxy's answer has no number. */
const NOT_OURS = { "postern-number": "" };
const text = (words: string): Uint8Array => messageFrame("text", Buffer.from(words));
const VERDICTS = {
  applied: Buffer.from("applied\n"),
  notYet: Buffer.from("not-yet\n"),
  missing: Buffer.from("missing\n"),
};

it("opens at once, and says what is said in one turn with the request that opens the session", async () => {
  const { clock, socket, told, take } = scene();

  clock.advance(0);
  socket.send("one");
  socket.send("two");
  await settled();
  const [upload, ...others] = take("POST");

  expect([told, others]).toEqual([["open"], []]);
  expect(upload?.question).toMatchObject({
    url: "https://relay.test/a?b",
    headers: { "postern-session": "x".repeat(22), "postern-number": "0", "postern-subprotocol": "postern.v1" },
  });
  expect(Buffer.from(upload?.question.body ?? []).toString("latin1")).toMatch(/one.*two/s);
  expect(take("GET").map(({ question }) => question.headers["postern-wait"])).toEqual(["20"]);
});

it("gives batches in the order of their numbers, and confirms what it has", async () => {
  const { told, take, open } = scene();
  await open();
  take("GET")[0]?.answer({ body: text("first") });
  await settled();
  const [one, two] = take("GET");
  two?.answer({ body: text("third") });
  await settled();
  const early = [...told];
  one?.answer({ body: text("second") });
  await settled();

  const next = take("GET").map(({ question }) => [numberOf(question), question.headers["postern-received"]]);
  expect(early).toEqual(["open", "first"]);
  expect(told).toEqual(["open", "first", "second", "third"]);
  expect(next).toEqual([
    ["3", "3"],
    ["4", "3"],
  ]);
});

it("has one poll under way while nothing comes", async () => {
  const { take, open } = scene();
  await open();
  take("GET")[0]?.answer({ body: text("first") });
  await settled();
  const whileBusy = take("GET");
  for (const poll of whileBusy) poll.answer({});
  await settled();

  expect(whileBusy).toHaveLength(2);
  expect(take("GET").map(({ question }) => numberOf(question))).toEqual(["1"]);
});

it("sends the same again until the relay has taken it, and asks without it for what the relay has", async () => {
  const { clock, socket, take, open, ends } = scene();
  await open();
  socket.send("important");
  await settled();
  const sizes = [];
  for (const answer of ["fail", "notYet", "missing", "applied"] as const) {
    const [upload] = take("POST");
    sizes.push([upload && numberOf(upload.question), upload?.question.body?.length]);
    if (answer === "fail") upload?.fail();
    else upload?.answer({ body: VERDICTS[answer] });
    await settled();
    clock.advance(2000);
    await settled();
  }

  const whole = 6 + "important".length;
  expect(sizes).toEqual([
    ["1", whole],
    ["1", whole],
    ["1", 0],
    ["1", whole],
  ]);
  expect([take("POST"), ends]).toEqual([[], []]);
});

it("waits for less where a poll was cut that waited", async () => {
  const { clock, take, open } = scene();
  await open();
  const [poll] = take("GET");
  clock.advance(10_000);
  poll?.answer({ status: 504, headers: { "postern-number": "" } });
  await settled();
  clock.advance(1000);
  await settled();

  expect(take("GET").map(({ question }) => question.headers["postern-wait"])).toEqual(["14"]);
});

it.each([
  ["a session that the relay does not have", { status: 410, headers: { "x-refusal": "unknown-session" } }],
  ["a number that the relay does not want", { status: 400, headers: { "x-refusal": "bad-number" } }],
])("ends by %s, so that another one is opened", async (_name, answer) => {
  const { take, open, ends } = scene();
  await open();

  take("GET")[0]?.answer({ ...answer, headers: { ...answer.headers, "postern-number": "" } });
  await settled();

  expect(ends.map(({ code, refusal }) => [code, refusal])).toEqual([[undefined, undefined]]);
});

it("tells how the relay refuses it, and takes a portal's page for no relay", async () => {
  const refused = scene();
  refused.clock.advance(0);
  refused.socket.send("hello");
  await settled();
  refused.take("POST")[0]?.answer({ status: 401, headers: { "x-refusal": "expired", "postern-number": "" } });
  await settled();
  const portal = scene();
  portal.clock.advance(0);
  portal.socket.send("hello");
  await settled();
  portal.take("POST")[0]?.answer({ status: 200, body: Buffer.from("applied\n"), headers: { "postern-number": "" } });
  await settled();

  expect(refused.ends).toMatchObject([{ refusal: { status: 401, word: "expired" } }]);
  expect(portal.ends).toMatchObject([{ refusal: { status: 200, word: undefined } }]);
});

it("ends with the relay's close, and says that it has it", async () => {
  const { take, open, ends, told } = scene();
  await open();

  take("GET")[0]?.answer({ body: Buffer.concat([text("last words"), closeFrame(1012, "restart")]) });
  await settled();

  expect(told).toEqual(["open", "last words"]);
  expect(ends).toEqual([{ code: 1012, reason: "restart" }]);
  expect(take("GET").map(({ question }) => question.headers["postern-received"])).toEqual(["1"]);
});

it.each([
  ["no answer", (poll: Pending) => poll.fail()],
  [
    "a proxy's word that it does not reach the relay",
    (poll: Pending) => poll.answer({ status: 502, headers: NOT_OURS }),
  ],
])("outlasts 4 s of nothing but %s, and ends before 8 s", async (_name, fail) => {
  const lost = scene();
  await lost.open();
  const endCounts = [];
  for (let second = 0; second < 8; second += 1) {
    for (let ms = 0; ms < 1000; ms += 100) {
      for (const request of lost.take("GET")) fail(request);
      await settled();
      lost.clock.advance(100);
      await settled();
    }
    endCounts.push(lost.ends.length);
  }

  expect([endCounts[3], endCounts[7]]).toEqual([0, 1]);
});

it("gives up sooner where the relay was never there", async () => {
  const never = scene();
  never.clock.advance(0);
  never.socket.send("hello");
  for (let count = 0; count < 2; count += 1) {
    await settled();
    never.take("POST")[0]?.fail();
    await settled();
    never.clock.advance(100);
  }
  await settled();

  expect(never.ends).toHaveLength(1);
});

it("uploads its close behind what was said, and asks for nothing more", async () => {
  const { clock, socket, take, open, ends } = scene();
  await open();
  const [poll] = take("GET");
  socket.send("bye");
  socket.close("done");
  await settled();

  const uploads = take("POST");
  expect(ends).toEqual([{ code: 1000, reason: "done" }]);
  expect(Buffer.concat(uploads.map(({ question }) => question.body ?? new Uint8Array(0))).toString("latin1")).toMatch(
    /bye.*done/s,
  );
  expect(uploads.every(({ question }) => question.isLast)).toBe(true);
  clock.advance(2000);
  await settled();
  expect(poll?.question.signal.aborted).toBe(true);
});
