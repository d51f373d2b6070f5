import fc from "fast-check";
import { expect, it } from "vitest";
import {
  CLASSIC_CLIENT_DATA_START,
  decodeClassicClientMessage,
  encodeClassicClientMessage,
} from "../../protocol/classic-client-messages.ts";
import {
  type ClassicRelayMessage,
  classicDataStart,
  decodeClassicRelayMessage,
  encodeClassicRelayMessage,
} from "../../protocol/classic-relay-messages.ts";
import { errorSentences } from "../../protocol/error-codes.ts";
import {
  decodeBinaryClientData,
  decodeBinaryRelayData,
  encodeBinaryClientData,
  encodeBinaryRelayData,
} from "../../protocol/v1-binary.ts";
import {
  decodeV1ClientMessage,
  encodeV1ClientMessage,
  type V1ClientMessage,
} from "../../protocol/v1-client-messages.ts";
import {
  decodeV1RelayMessage,
  encodeV1RelayMessage,
  type V1RelayMessage,
  v1DataStart,
  v1SignalStart,
} from "../../protocol/v1-relay-messages.ts";

/** Anything in any field: what strangers send. */
const field = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("", "t", "x".repeat(256), "x".repeat(257), "\ud800"),
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, [], {}),
);
const name = fc.record({ peerId: field, peerHandle: field, presence: field }, { requiredKeys: [] });
const strange = fc.record(
  {
    type: fc.oneof(
      fc.constantFrom("join", "leave", "auth", "data", "offer", "answer", "candidate", "joined", "peer-joined"),
      fc.constantFrom("ping", "pong", "members", "presence"),
      fc.constantFrom("peer-left", "authorized", "error", "restarting", "__proto__", "constructor", "unknown"),
      field,
    ),
    topic: field,
    topicHandle: field,
    peerId: field,
    peerHandle: field,
    members: fc.oneof(fc.array(fc.oneof(name, field)), field),
    limits: fc.oneof(fc.record({ maxFrameBytes: field, maxTopicsPerConnection: field }), field),
    data: field,
    to: field,
    ref: field,
    payload: field,
    pad: field,
    presence: field,
    code: field,
    reason: field,
    requestId: field,
    expiresAtMs: field,
    reconnectWithinMs: field,
  },
  { requiredKeys: [] },
);
/** Messages as they have to be. */
const topic = wellFormed(256);
const peerId = wellFormed(128);
const handle = fc.integer({ min: 1, max: 0xffff_ffff });
const data = fc.string({ unit: "binary", minLength: 1 });
const ref = fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined });
const to = fc.option(handle, { nil: undefined });
const addressees = fc.oneof(to, fc.array(handle, { minLength: 1, maxLength: 64 }));
const signal = fc.constantFrom("offer", "answer", "candidate");
const payload = wellFormed(65_536);
const pad = fc.option(fc.oneof(fc.constantFrom("", "x".repeat(32_768)), wellFormed(32_768)), { nil: undefined });
const presence = fc.oneof(fc.constantFrom("", "x".repeat(1024)), wellFormed(1024));
const anyPresence = fc.option(presence, { nil: undefined });
const count = fc.maxSafeNat();
const word = wellFormed(128);
const ofMember = { topic, peerId, peerHandle: handle };
const bytes = fc.uint8Array({ minLength: 1, maxLength: 100 });

const v1ClientMessage: fc.Arbitrary<V1ClientMessage> = fc.oneof(
  fc.record({
    type: fc.constant("join"),
    topic,
    peerId: fc.option(peerId, { nil: undefined }),
    encoding: fc.constantFrom("json", "binary"),
    takeover: fc.option(wellFormed(128), { nil: undefined }),
    maxPayloadBytes: fc.option(fc.maxSafeNat(), { nil: undefined }),
    maxMembers: fc.option(fc.maxSafeNat(), { nil: undefined }),
    presence: anyPresence,
    ref,
  }),
  fc.record({ type: fc.constant("members"), topic, after: fc.integer({ min: 0, max: 0xffff_ffff }), ref }),
  fc.record({ type: fc.constant("presence"), topic, presence, ref }),
  fc.record({ type: fc.constant("auth"), token: fc.string(), ref }),
  fc.record({ type: fc.constant("ping"), pad, ref }),
  fc.record({ type: fc.constant("leave"), topic, ref }),
  fc.record({ type: fc.constant("data"), topic, to: addressees, data, ref }),
  fc.record({ type: signal, topic, to: handle, payload, ref }),
);
const v1RelayMessage: fc.Arbitrary<V1RelayMessage> = fc.oneof(
  fc.record({
    type: fc.constant("joined"),
    ...ofMember,
    topicHandle: handle,
    members: fc.array(fc.record({ peerId, peerHandle: handle, presence: anyPresence })),
    limits: fc.record(
      { maxFrameBytes: count, maxTopicsPerConnection: count, maxPayloadBytes: count },
      { requiredKeys: ["maxFrameBytes", "maxTopicsPerConnection"] },
    ),
    memberCount: fc.option(count, { nil: undefined }),
    more: fc.option(fc.boolean(), { nil: undefined }),
    takeover: fc.option(word, { nil: undefined }),
    pingIntervalMs: fc.option(count, { nil: undefined }),
    features: fc.option(fc.array(word), { nil: undefined }),
    ref,
  }),
  fc.record({
    type: fc.constant("members"),
    topic,
    members: fc.array(fc.record({ peerId, peerHandle: handle, presence: anyPresence })),
    more: fc.boolean(),
    ref,
  }),
  fc.record({ type: fc.constant("peer-joined"), ...ofMember, presence: anyPresence }),
  fc.record({ type: fc.constant("presence"), ...ofMember, presence }),
  fc.record({ type: fc.constant("peer-left"), ...ofMember, ref }),
  fc.record({ type: fc.constant("data"), ...ofMember, to, data }),
  fc.record({ type: signal, ...ofMember, to: handle, payload }),
  fc.record({ type: fc.constant("authorized"), expiresAtMs: fc.option(count, { nil: undefined }), ref }),
  fc.record({ type: fc.constant("pong"), pad, ref }),
  fc.record({
    type: fc.constant("error"),
    code: word,
    payload: wellFormed(1024),
    reason: fc.option(word, { nil: undefined }),
    requestId: fc.option(word, { nil: undefined }),
    ref,
  }),
  fc.record({
    type: fc.constant("restarting"),
    reconnectWithinMs: count,
    closesInMs: fc.option(count, { nil: undefined }),
  }),
  fc.record(
    {
      type: fc.constantFrom("congested", "relieved"),
      topic,
      to: handle,
      heldBytes: count,
      holdLimitBytes: count,
    },
    { requiredKeys: ["type", "topic", "heldBytes", "holdLimitBytes"] },
  ),
);
const classicRelayMessage: fc.Arbitrary<ClassicRelayMessage> = fc.oneof(
  fc.record({ type: fc.constantFrom("peer-joined", "peer-left"), peerId, topic }),
  fc.record({ type: fc.constant("data"), peerId, data }),
  fc.record({ type: fc.constant("error"), payload: wellFormed(1024) }),
);

/** What a stranger may send: messages with one field put wrong, objects of known fields, any JSON, anything. */
const text = fc.oneof(
  fc.tuple(fc.oneof(v1ClientMessage, v1RelayMessage, classicRelayMessage), fc.nat(), field).map(spoiled),
  strange.map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string({ unit: "binary" }),
);

it("decodes any text of a classic client into a message whose every field is inside its bounds, or into nothing", () => {
  fc.assert(
    fc.property(text, (input) => {
      const decoded = decodeClassicClientMessage(input);

      if (decoded?.type === "join") expectFields(decoded);
      if (decoded?.type === "data") expectFields(decoded);
    }),
    { numRuns: 2000 },
  );
});

it("decodes any text of a v1 client into a message whose every field is inside its bounds, or into a known code", () => {
  fc.assert(
    fc.property(text, (input) => {
      const decoded = decodeV1ClientMessage(input);

      if (decoded.type === "invalid") expect(Object.keys(errorSentences)).toContain(decoded.code);
      expectFields(decoded);
    }),
    { numRuns: 2000 },
  );
});

it.each([
  ["a classic client", decodeClassicRelayMessage],
  ["a v1 client", decodeV1RelayMessage],
])(
  "decodes for %s any text into a message whose every field is inside its bounds, or says what it is not",
  (_, decode) => {
    fc.assert(
      fc.property(text, (input) => {
        const decoded = decode(input);

        expectFields(decoded);
        if (decoded.type === "unknown") expect(decoded.name.length).toBeLessThanOrEqual(64);
      }),
      { numRuns: 2000 },
    );
  },
);

it("decodes any bytes of either side into data with handles and a payload, or says that they are none", () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 20 }))
      .map(([high, flags, rest]) => Uint8Array.of(1, flags, 0, 0, 0, 0, high, 7, ...rest)),
  );
  fc.assert(
    fc.property(frame, (input) => {
      const fromClient = decodeBinaryClientData(input);
      const fromRelay = decodeBinaryRelayData(input);

      // What is taken is written as it was: nothing in it was passed over.
      if (fromClient !== undefined) expect(encodeBinaryClientData(fromClient)).toEqual(input);
      if (fromRelay.type === "binary-data") {
        expectFields({ ...fromRelay, payload: undefined });
        expect(fromRelay.payload.length).toBeGreaterThan(0);
        expect(encodeBinaryRelayData(fromRelay)).toEqual(input);
      }
    }),
    { numRuns: 5000 },
  );
});

it("carries every message of a client to the relay unchanged", () => {
  fc.assert(
    fc.property(v1ClientMessage, (message) => {
      expect(decodeV1ClientMessage(encodeV1ClientMessage(message))).toEqual(message);
    }),
  );
  fc.assert(
    fc.property(topic, fc.option(peerId, { nil: undefined }), data, (joined, as, sent) => {
      for (const message of [
        { type: "join", topic: joined, peerId: as },
        { type: "data", data: sent },
      ] as const) {
        expect(decodeClassicClientMessage(encodeClassicClientMessage(message))).toEqual(message);
      }
    }),
  );
  fc.assert(
    fc.property(handle, addressees, bytes, (topicHandle, addressee, sent) => {
      const message = { topicHandle, to: addressee, payload: sent };
      expect(decodeBinaryClientData(encodeBinaryClientData(message))).toEqual(message);
    }),
  );
});

it("carries every message of the relay to a client unchanged", () => {
  fc.assert(
    fc.property(v1RelayMessage, (message) => {
      expect(decodeV1RelayMessage(encodeV1RelayMessage(message))).toEqual(message);
    }),
  );
  fc.assert(
    fc.property(classicRelayMessage, (message) => {
      expect(decodeClassicRelayMessage(encodeClassicRelayMessage(message))).toEqual(message);
    }),
  );
  fc.assert(
    fc.property(handle, handle, fc.boolean(), bytes, (topicHandle, peerHandle, isAddressed, sent) => {
      const message = { type: "binary-data", topicHandle, peerHandle, isAddressed, payload: sent };
      expect(
        decodeBinaryRelayData(encodeBinaryRelayData({ topicHandle, peerHandle, isAddressed, payload: sent })),
      ).toEqual(message);
    }),
  );
});

it("passes over the fields that a newer relay adds, and gives none of them on", () => {
  fc.assert(
    fc.property(v1RelayMessage, fc.json(), (message, added) => {
      const known = encodeV1RelayMessage(message);
      const newer = `${known.slice(0, -1)},"added":${added}}`;

      expect(decodeV1RelayMessage(newer)).toEqual(message);
    }),
  );
});

it("writes data and signals to the letter with the beginnings by which the relay finds and forwards a payload", () => {
  fc.assert(
    fc.property(topic, peerId, handle, handle, signal, payload, (topicName, from, peerHandle, own, type, sent) => {
      const end = `${JSON.stringify(sent).slice(1, -1)}"}`;
      const member = { peerId: from, peerHandle };

      expect(v1SignalStart(type, { topicName, ...member }, own) + end).toBe(
        encodeV1RelayMessage({ type, topic: topicName, ...member, to: own, payload: sent }),
      );
    }),
  );
  fc.assert(
    fc.property(topic, peerId, handle, to, data, (topicName, from, peerHandle, own, sent) => {
      const end = `${JSON.stringify(sent).slice(1, -1)}"}`;

      expect(CLASSIC_CLIENT_DATA_START + end).toBe(encodeClassicClientMessage({ type: "data", data: sent }));
      expect(classicDataStart({ peerId: from }) + end).toBe(
        encodeClassicRelayMessage({ type: "data", peerId: from, data: sent }),
      );
      const member = { peerId: from, peerHandle };
      expect(v1DataStart({ topicName, ...member }, own) + end).toBe(
        encodeV1RelayMessage({ type: "data", topic: topicName, ...member, to: own, data: sent }),
      );
    }),
  );
});

/** A message as text, with one of its fields in place of what it was. */
function spoiled([message, at, value]: [object, number, unknown]): string {
  const names = Object.keys(message);
  return JSON.stringify({ ...message, [names[at % names.length] ?? ""]: value });
}

/** Well-formed text of 1 to so many bytes of UTF-8. */
function wellFormed(maxBytes: number): fc.Arbitrary<string> {
  return fc.string({ unit: "grapheme", minLength: 1 }).filter((value) => Buffer.byteLength(value) <= maxBytes);
}

/** Asserts of every field that is there what docs/protocol.md says of it. */
function expectFields(message: Readonly<Record<string, unknown>>): void {
  const bounds: Readonly<Record<string, (value: unknown) => void>> = {
    topic: (value) => expectBytes(value, 256),
    peerId: (value) => expectBytes(value, 128),
    topicHandle: (value) => expectInteger(value, 1, 0xffff_ffff),
    peerHandle: (value) => expectInteger(value, 1, 0xffff_ffff),
    to: (value) => {
      const handles = Array.isArray(value) ? value : [value];
      expect(handles.length >= 1 && handles.length <= 64).toBe(true);
      for (const one of handles) expectInteger(one, 1, 0xffff_ffff);
    },
    after: (value) => expectInteger(value, 0, 0xffff_ffff),
    takeover: (value) => expectBytes(value, 128),
    maxPayloadBytes: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
    maxMembers: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
    memberCount: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
    pingIntervalMs: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
    more: (value) => expect(typeof value).toBe("boolean"),
    ref: (value) => expectInteger(value, 0, 0xffff_ffff),
    presence: (value) => expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(1024),
    pad: (value) => expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(32_768),
    data: (value) => expect(String(value).length).toBeGreaterThan(0),
    payload: (value) => expectBytes(value, 65_536),
    members: (value) => {
      for (const member of value as Record<string, unknown>[]) {
        expectBytes(member["peerId"], 128);
        expectInteger(member["peerHandle"], 1, 0xffff_ffff);
      }
    },
    limits: (value) => {
      for (const limit of ["maxFrameBytes", "maxTopicsPerConnection"] as const) {
        expectInteger((value as Record<string, unknown>)[limit], 0, Number.MAX_SAFE_INTEGER);
      }
    },
    code: (value) => expectBytes(value, 128),
    reason: (value) => expectBytes(value, 128),
    requestId: (value) => expectBytes(value, 128),
    expiresAtMs: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
    reconnectWithinMs: (value) => expectInteger(value, 0, Number.MAX_SAFE_INTEGER),
  };
  for (const [key, value] of Object.entries(message)) if (value !== undefined) bounds[key]?.(value);
}

function expectBytes(value: unknown, maxBytes: number): void {
  const shown = value as string;
  expect(shown.isWellFormed()).toBe(true);
  expect(Buffer.byteLength(shown)).toBeGreaterThan(0);
  expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(maxBytes);
}

function expectInteger(value: unknown, min: number, max: number): void {
  expect(Number.isInteger(value) && (value as number) >= min && (value as number) <= max).toBe(true);
}
