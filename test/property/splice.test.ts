import fc from "fast-check";
import { expect, it } from "vitest";
import { CLASSIC_CLIENT_DATA_START } from "../../protocol/classic-client-messages.ts";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { spliceData } from "../../relay/dialects/topic/splice.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Hub } from "../../relay/hub/hub.ts";
import { frameTexts } from "../support/frame-texts.ts";
import { hubOptions } from "../support/hub-options.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

/** Frames of the known shape, and the same with a byte or two changed, left out or put in. */
const base64 = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const known = fc.oneof(
  base64.map((data) => `{"type":"data","data":"${data}"}`),
  base64.map((data) => `{"type":"data","topic":"t","data":"${data}"}`),
  fc.string({ unit: "binary" }).map((data) => JSON.stringify({ type: "data", data })),
  fc.string({ unit: "binary" }).map((data) => JSON.stringify({ type: "data", topic: "t", data })),
);
const mutation = fc.record({
  at: fc.nat(60),
  remove: fc.nat(2),
  insert: fc.oneof(fc.constantFrom("", '"', "\\", '"}', "\n", " ", "}", ',"data":"x"', "é", "\u0000"), fc.string()),
});
const message = fc.oneof(
  known,
  fc
    .tuple(known, mutation)
    .map(([text, { at, remove, insert }]) => text.slice(0, at) + insert + text.slice(at + remove)),
);

/** What a member gets of these messages when the sender's session is told that they are printable, or never. */
function relayed(
  subprotocol: string,
  messages: readonly string[],
  options: { readonly mayBeSpliced: boolean },
): string[] {
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
  const frames: Uint8Array[] = [];
  const sender = dialect.open(new RecordingLink(), new FakeConnection(), { subprotocol });
  for (const readers of ["", "postern.v1"]) {
    const link = Object.assign(new RecordingLink(), { send: (frame: Uint8Array) => void frames.push(frame) });
    const reader = dialect.open(link, new FakeConnection(), { subprotocol: readers });
    reader.receive(Buffer.from('{"type":"join","topic":"t","peerId":"r"}'), false, true);
  }
  sender.receive(Buffer.from('{"type":"join","topic":"t","peerId":"s"}'), false, true);
  frames.length = 0;
  for (const text of messages) {
    const bytes = Buffer.from(text);
    const isPrintable = bytes.every((byte) => byte >= 0x20 && byte < 0x80);
    sender.receive(bytes, false, options.mayBeSpliced && isPrintable);
  }
  return frameTexts(frames);
}

it.each(["", "postern.v1"])(
  "relays the same, to the byte, with and without the short way (subprotocol %j)",
  (subprotocol) => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
        const spliced = relayed(subprotocol, messages, { mayBeSpliced: true });

        expect(spliced).toEqual(relayed(subprotocol, messages, { mayBeSpliced: false }));
      }),
      { numRuns: 2000 },
    );
  },
);

it("finds the payload of the known shape: a test of equality alone would hold if it never did", () => {
  const start = Buffer.from(CLASSIC_CLIENT_DATA_START);

  expect(spliceData(Buffer.from('{"type":"data","data":"QUJD"}'), start)).toEqual(Buffer.from("QUJD"));
  expect(spliceData(Buffer.from('{"type":"data","data":"QU\\u004aD"}'), start)).toBeUndefined();
  expect(spliceData(Buffer.from('{"type":"data","data":""}'), start)).toBeUndefined();
});
