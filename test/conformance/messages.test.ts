import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type ClassicClientMessage,
  decodeClassicClientMessage,
  encodeClassicClientMessage,
} from "../../protocol/classic-client-messages.ts";
import {
  type ClassicRelayMessage,
  decodeClassicRelayMessage,
  encodeClassicRelayMessage,
} from "../../protocol/classic-relay-messages.ts";
import { type ErrorCode, errorSentences } from "../../protocol/error-codes.ts";
import {
  type BinaryClientData,
  type BinaryRelayData,
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
  decodeV1MailboxRelayMessage,
  encodeV1MailboxRelayMessage,
  type V1MailboxRelayMessage,
} from "../../protocol/v1-mailbox-messages.ts";
import {
  decodeV1RelayMessage,
  encodeV1Error,
  encodeV1RelayMessage,
  type V1RelayMessage,
} from "../../protocol/v1-relay-messages.ts";

/**
 * The golden vectors of single messages: what is on the wire, to the letter, and what it is read as. The other way round
 * they hold as well, but for those that are only read: what nobody writes, or a newer side does.
 */
type TextVector = {
  /** `mailbox`: of v1, what is about mailboxes alone. */
  readonly protocol: "classic" | "v1" | "mailbox";
  readonly text: string;
  readonly message: { readonly type: string };
  readonly isOnlyRead?: true;
};

/** The same of binary frames: bytes in hex. `null`: none of the protocol. */
type BinaryVector = {
  readonly from: "client" | "relay";
  readonly hex: string;
  readonly message: (Readonly<Record<string, unknown>> & { readonly payload?: string }) | null;
  readonly isOnlyRead?: true;
};

const fromClients = read("messages-from-clients.json") as readonly TextVector[];
const fromRelay = read("messages-from-relay.json") as readonly TextVector[];
const binaryData = read("binary-data.json") as readonly BinaryVector[];

describe("messages from clients", () => {
  it.each(fromClients)("$protocol: $text", ({ protocol, text, message, isOnlyRead }) => {
    const isClassic = protocol === "classic";

    expect(isClassic ? decodeClassicClientMessage(text) : decodeV1ClientMessage(text)).toEqual(message);
    if (isOnlyRead) return;
    expect(
      isClassic
        ? encodeClassicClientMessage(message as ClassicClientMessage)
        : encodeV1ClientMessage(message as V1ClientMessage),
    ).toBe(text);
  });
});

describe("messages from the relay", () => {
  it.each(fromRelay)("$protocol: $text", ({ protocol, text, message, isOnlyRead }) => {
    const isClassic = protocol === "classic";
    if (protocol === "mailbox") {
      expect(decodeV1MailboxRelayMessage(text)).toEqual(message);
      expect(decodeV1RelayMessage(text)).toEqual({ type: "unknown", name: message.type });
      expect(encodeV1MailboxRelayMessage(message as V1MailboxRelayMessage)).toBe(text);
      return;
    }

    expect(isClassic ? decodeClassicRelayMessage(text) : decodeV1RelayMessage(text)).toEqual(message);
    if (isOnlyRead) return;
    expect(
      isClassic
        ? encodeClassicRelayMessage(message as ClassicRelayMessage)
        : encodeV1RelayMessage(message as V1RelayMessage),
    ).toBe(text);
  });
});

describe("binary data", () => {
  it.each(binaryData)("$from: $hex", ({ from, hex, message, isOnlyRead }) => {
    const frame = bytesOf(hex);
    const expected =
      message?.payload === undefined ? (message ?? undefined) : { ...message, payload: bytesOf(message.payload) };

    expect(from === "client" ? decodeBinaryClientData(frame) : decodeBinaryRelayData(frame)).toEqual(expected);
    if (isOnlyRead) return;
    expect(
      from === "client"
        ? encodeBinaryClientData(expected as BinaryClientData)
        : encodeBinaryRelayData(expected as BinaryRelayData),
    ).toEqual(frame);
  });
});

it("has a vector for every message of both sides", () => {
  // A message that is missing here, or too many, does not compile.
  const signals = { offer: true, answer: true, candidate: true };
  const classicClient: Record<ClassicClientMessage["type"], true> = { join: true, data: true };
  const classicRelay: Record<ClassicRelayMessage["type"], true> = {
    "peer-joined": true,
    "peer-left": true,
    data: true,
    error: true,
  };
  const v1Client: Record<V1ClientMessage["type"], boolean> = {
    join: true,
    auth: true,
    ping: true,
    leave: true,
    members: true,
    presence: true,
    data: true,
    ...signals,
    deposit: true,
    "open-mailbox": true,
    prove: true,
    delete: true,
    "close-mailbox": true,
    "bound-mailbox": true,
    "publish-key": true,
    "find-key": true,
  };
  const v1Relay: Record<V1RelayMessage["type"], boolean> = {
    joined: true,
    members: true,
    "peer-joined": true,
    "peer-left": true,
    presence: true,
    data: true,
    ...signals,
    authorized: true,
    pong: true,
    error: true,
    restarting: true,
    congested: true,
    relieved: true,
  };
  const mailboxRelay: Record<V1MailboxRelayMessage["type"], true> = {
    deposited: true,
    challenge: true,
    "mailbox-opened": true,
    "mailbox-bounded": true,
    "key-published": true,
    deleted: true,
    "mailbox-current": true,
    "mailbox-key": true,
    "mailbox-message": true,
  };

  expect(writtenTypes(fromClients, "classic")).toEqual(new Set(Object.keys(classicClient)));
  expect(writtenTypes(fromRelay, "classic")).toEqual(new Set(Object.keys(classicRelay)));
  expect(writtenTypes(fromClients, "v1")).toEqual(new Set(Object.keys(v1Client)));
  expect(writtenTypes(fromRelay, "v1")).toEqual(new Set(Object.keys(v1Relay)));
  expect(writtenTypes(fromRelay, "mailbox")).toEqual(new Set(Object.keys(mailboxRelay)));
});

it("has for every error a sentence that clients take", () => {
  for (const [code, payload] of Object.entries(errorSentences)) {
    const message = { type: "error", code, payload };
    expect(decodeV1RelayMessage(encodeV1Error(code as ErrorCode, undefined))).toEqual(message);
    expect(decodeClassicRelayMessage(encodeClassicRelayMessage({ type: "error", payload })).type).toBe("error");
  }
});

function writtenTypes(vectors: readonly TextVector[], protocol: TextVector["protocol"]): Set<string> {
  return new Set(
    vectors.filter((vector) => vector.protocol === protocol && !vector.isOnlyRead).map(({ message }) => message.type),
  );
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), "utf8"));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}
