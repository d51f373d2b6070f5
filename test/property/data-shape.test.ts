import fc from "fast-check";
import { expect, it } from "vitest";
import { CLASSIC_CLIENT_DATA_START } from "../../protocol/classic-client-messages.ts";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { DataShape } from "../../relay/dialects/topic/data-shape.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Hub } from "../../relay/hub/hub.ts";
import { frameTexts } from "../support/frame-texts.ts";
import { hubOptions } from "../support/hub-options.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

/** Ways to write `data`: one for each client. */
const layouts: readonly ((data: string) => string)[] = [
  (data) => `{"type":"data","data":${data}}`,
  (data) => `{"type":"data","topic":"t","data":${data}}`,
  (data) => `{"topic":"t","type":"data","data":${data}}`,
  (data) => `{"data":${data},"topic":"t","type":"data"}`,
  (data) => `{"type": "data", "topic": "t", "data": ${data}, "ref": 7}`,
  (data) => `{"type":"data","topic":"t","to":2,"ref":5,"data":${data}}`,
  (data) => `{"type":"data","topic":"t","to":[1,2,3],"data":${data}}`,
  (data) => `{"type":"data","topic":"t","data":"first","d\\u0061ta":${data}}`,
  (data) => `{"type":"data","topic":"t","data":${data},"data":"last"}`,
  (data) => `{"type":"data","topic":"t","x":{"data":"inner"},"data":${data},"y":["a\\"b\\\\"]}`,
  (data) => `{"type":"data","topic":"elsewhere","data":${data}}`,
];
const data = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => JSON.stringify(Buffer.from(bytes).toString("base64"))),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
);
/** A byte or two changed, left out or put in. */
const mutation = fc.record({
  at: fc.nat(60),
  remove: fc.nat(2),
  insert: fc.oneof(fc.constantFrom("", '"', "\\", '"}', "\n", " ", "}", ',"data":"x"', "é", "\u0000"), fc.string()),
});
/** What one client says: its messages are written alike, but for some. */
const conversation = fc.constantFrom(...layouts).chain((layout) => {
  const usual = data.map(layout);
  const broken = fc
    .tuple(usual, mutation)
    .map(([text, { at, remove, insert }]) => text.slice(0, at) + insert + text.slice(at + remove));
  const other = fc.tuple(fc.constantFrom(...layouts), data).map(([write, text]) => write(text));
  return fc.array(fc.oneof({ weight: 3, arbitrary: usual }, broken, other), { minLength: 1, maxLength: 6 });
});

/** What all get of these messages, the sender too, when the sender's session is told that they are printable, or never. */
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
  const open = (own: string) => {
    const link = Object.assign(new RecordingLink(), { send: (frame: Uint8Array) => void frames.push(frame) });
    return dialect.open(link, new FakeConnection(), { subprotocol: own });
  };
  const sender = open(subprotocol);
  for (const readers of ["", "postern.v1"]) {
    const reader = open(readers);
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
      fc.property(conversation, (messages) => {
        const spliced = relayed(subprotocol, messages, { mayBeSpliced: true });

        expect(spliced).toEqual(relayed(subprotocol, messages, { mayBeSpliced: false }));
      }),
      { numRuns: 1000 },
    );
  },
);

it.each([
  '{"type":"data","data":"QUJD"}',
  '{"topic":"t","type":"data","data":"QUJD"}',
  '{"data":"QUJD","topic":"t","type":"data"}',
  '{"type": "data", "x\\n": "\\u0041", "data": "QUJD", "y": ["a\\"b"]}',
])(
  "finds the payload of a message like the last one: a test of equality alone would hold if it never did (%s)",
  (text) => {
    const last = Buffer.from(text);
    const shape = DataShape.of(last, last.subarray(text.indexOf("QUJD"), text.indexOf("QUJD") + 4));

    expect(shape?.payloadIn(Buffer.from(text.replace("QUJD", "RA==")))?.toString()).toBe("RA==");
    expect(shape?.payloadIn(Buffer.from(text.replace("QUJD", "QU\\u004aD")))).toBeUndefined();
    expect(shape?.payloadIn(Buffer.from(text.replace("QUJD", '","data":"')))).toBeUndefined();
    expect(shape?.payloadIn(Buffer.from(text.replace("QUJD", "")))).toBeUndefined();
  },
);

it("takes the usual shape of classic clients from the first message on", () => {
  const shape = DataShape.behind(CLASSIC_CLIENT_DATA_START);

  expect(shape.payloadIn(Buffer.from('{"type":"data","data":"QUJD"}'))).toEqual(Buffer.from("QUJD"));
  expect(shape.payloadIn(Buffer.from('{"type":"data","data":""}'))).toBeUndefined();
});

/** A message with a payload of four bytes, and so many around it. */
function messageOf(byteCount: number): Buffer {
  return Buffer.from(`{"x":"${"x".repeat(byteCount - 18)}","data":"QUJD"}`);
}

function shapeAround4(bytes: Buffer): DataShape | undefined {
  return DataShape.of(bytes, bytes.subarray(bytes.length - 6, bytes.length - 2));
}

it("remembers at most 512 bytes around a payload, and nothing of the chunk that they came in", () => {
  const largest = messageOf(512);
  const shape = shapeAround4(largest);
  const next = Buffer.from(largest);
  largest.fill(0);

  expect(next.length).toBe(512 + 4);
  expect(shape?.payloadIn(next)?.toString()).toBe("QUJD");
  expect(shapeAround4(messageOf(513))).toBeUndefined();
});
