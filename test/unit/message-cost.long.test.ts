import { expect, it } from "vitest";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Hub } from "../../relay/hub/hub.ts";
import type { Access } from "../../relay/session/ports.ts";
import { bestOf } from "../support/best-of.ts";
import { hubOptions } from "../support/hub-options.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

/** As long as a message may be by default, but for some room. */
const BYTES = 4_190_000;
const RUNS = 10;
const MAX_RATIO = 2.5;
const MAX_MS_BEFORE_GRANT = 5;

/** Attacks on the parser: its cost is in the structure. */
const STRUCTURES: readonly (readonly [name: string, text: string])[] = [
  ["a list of objects behind the type", `{"type":"x","a":[${"{},".repeat(BYTES / 3)}{}]}`],
  ["a list of objects before the type", `{"a":[${"{},".repeat(BYTES / 3)}{}],"type":"data","topic":"t","data":"x"}`],
  ["numbers", `{"type":"data","topic":"t","data":"x","a":[${"0,".repeat(BYTES / 2)}0]}`],
  ["names", `{"type":"data",${Array.from({ length: 300_000 }, (_, index) => `"${index}":0`).join()}}`],
  ["depth", `{"type":"data","a":${"[".repeat(BYTES)}`],
  ["depth of objects", '{"a":'.repeat(BYTES / 5)],
  ["strings without anything between them", '"'.repeat(BYTES)],
  ["spaces", `{${" ".repeat(BYTES)}"type":"data","topic":"t","data":"x"}`],
];

const DATA_BYTES = 2_000_000;

/** A long message that is taken: its data is this text, as it is written. */
const DATA: readonly (readonly [name: string, text: string])[] = [
  ["ASCII", "x".repeat(DATA_BYTES)],
  ["two-byte characters", "é".repeat(DATA_BYTES / 2)],
  ["three-byte characters behind a slash", `\\/${"字".repeat(DATA_BYTES / 3)}`],
  ["escaped quotes", '\\"'.repeat(DATA_BYTES / 2)],
  ["escaped backslashes", "\\\\".repeat(DATA_BYTES / 2)],
  ["escaped slashes", "\\/".repeat(DATA_BYTES / 2)],
  ["control characters", "\\u001F".repeat(DATA_BYTES / 6)],
  ["lone surrogates", "\\uD800".repeat(DATA_BYTES / 6)],
  ["structure", "{[]},:".repeat(DATA_BYTES / 6)],
];

function openSession(subprotocol: string, access: Partial<Access> = {}) {
  const hub = new Hub(hubOptions(), { time: new TestTime() });
  const dialect = new TopicDialect({
    hub,
    limits: { maxFrameBytes: 4_194_304, maxTopicsPerConnection: 10, maxPayloadBytes: 4_194_304 },
    pingIntervalMs: 25_000,
    time: new TestTime(),
    takeovers: new Takeovers(),
    nowMs: () => 0,
  });
  return dialect.open(new RecordingLink(), new FakeConnection(access), { subprotocol });
}

function joined(subprotocol: string) {
  const session = openSession(subprotocol);
  session.receive(Buffer.from('{"type":"join","topic":"t"}'), false, true);
  return session;
}

/** The CPU of one call, in milliseconds, from the sum of some: the system may count in ticks. */
function cpuMs(call: () => void): number {
  call();
  const before = process.threadCpuUsage();
  for (let run = 0; run < RUNS; run += 1) call();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / RUNS;
}

function parseMs(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return cpuMs(() => {
    try {
      JSON.parse(decoder.decode(bytes));
    } catch {
      // What is no JSON is found to be none: that costs too.
    }
  });
}

/** Others on the machine can make it longer, and never shorter. */
async function expectBrief(call: () => void): Promise<void> {
  const ms = await bestOf(
    () => cpuMs(call),
    (figure) => figure < MAX_MS_BEFORE_GRANT,
  );
  expect(ms).toBeLessThan(MAX_MS_BEFORE_GRANT);
}

it.each(STRUCTURES)(
  "takes no longer over %s, before a grant or after it, than over a short message",
  async (_name, text) => {
    const bytes = Buffer.from(text);
    for (const subprotocol of ["", "postern.v1"]) {
      const session = joined(subprotocol);
      await expectBrief(() => session.receive(bytes, false, true));
      await expectBrief(() => openSession(subprotocol, { isGranted: false }).receive(bytes, false, true));
    }
  },
);

it.each(DATA)(
  "takes at most 2.5 times of what parsing costs over data of %s, in any order of the keys",
  async (_name, data) => {
    for (const text of [
      `{"topic":"t","type":"data","data":"${data}"}`,
      `{"type":"data","topic":"t","data":"${data}"}`,
      `{"data":"${data}","\\u0064":"","topic":"t","type":"data"}`,
    ]) {
      const bytes = Buffer.from(text);
      const session = joined("postern.v1");
      const classic = joined("");

      for (const receiver of [session, classic]) {
        const ratio = await bestOf(
          () => cpuMs(() => receiver.receive(bytes, false, false)) / parseMs(bytes),
          (figure) => figure < MAX_RATIO,
        );
        expect(ratio).toBeLessThan(MAX_RATIO);
      }
    }
  },
);

it.each(DATA)("takes at most 5 ms over %s before a grant", async (_name, data) => {
  const bytes = Buffer.from(`{"topic":"t","type":"data","data":"${data}"}`);
  for (const subprotocol of ["", "postern.v1"]) {
    await expectBrief(() => openSession(subprotocol, { isGranted: false }).receive(bytes, false, false));
  }
});
