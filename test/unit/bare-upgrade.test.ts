import { expect, it } from "vitest";
import { UpgradeAnswer, upgradeRequest } from "../../client/bare/upgrade.ts";

const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const FIELDS = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Accept": ACCEPT,
  "Sec-WebSocket-Protocol": "postern.v1",
};

function answerOf(
  fields: Readonly<Record<string, string>> = FIELDS,
  first = "HTTP/1.1 101 Switching Protocols",
): string {
  return [first, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n");
}

/** @throws Error */
function heard(...pieces: readonly string[]): unknown {
  const answer = new UpgradeAnswer(ACCEPT);
  return pieces.map((piece) => answer.push(new Uint8Array(Buffer.from(piece, "latin1")))).at(-1);
}

it("asks for the path of the relay with the subprotocol of v1", () => {
  const text = upgradeRequest(new URL("wss://relay.example.com:8443/topic/?a=b"), "a2V5");

  expect(text).toBe(
    [
      "GET /topic/?a=b HTTP/1.1",
      "Host: relay.example.com:8443",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: a2V5",
      "Sec-WebSocket-Protocol: postern.v1",
      "",
      "",
    ].join("\r\n"),
  );
});

it("takes an upgrade, however its bytes come, with what stands behind it", () => {
  const text = `${answerOf()}frame`;

  expect(heard(text)).toEqual(new Uint8Array(Buffer.from("frame")));
  expect(heard(...text.slice(0, -5).split(""), "")).toEqual(new Uint8Array());
  expect(heard("HTTP/1.1 101 Sw")).toBe("more");
  expect(heard(answerOf({ ...FIELDS, Upgrade: "WebSocket", Connection: "keep-alive, upgrade" }))).toBeInstanceOf(
    Uint8Array,
  );
});

it.each([
  ["another key", { ...FIELDS, "Sec-WebSocket-Accept": "AAAA" }, /upgrades to no WebSocket/],
  ["no Upgrade", { ...FIELDS, Upgrade: "h2c" }, /upgrades to no WebSocket/],
  ["no Connection", { ...FIELDS, Connection: "close" }, /upgrades to no WebSocket/],
  ["an extension", { ...FIELDS, "Sec-WebSocket-Extensions": "permessage-deflate" }, /extension/],
  ["no subprotocol", { ...FIELDS, "Sec-WebSocket-Protocol": "" }, /no postern\.v1/],
])("refuses an upgrade with %s", (_what, fields, reason) => {
  expect(() => heard(answerOf(fields))).toThrow(reason);
});

it("refuses what is no HTTP, and a head without an end", () => {
  expect(() => heard("SSH-2.0-OpenSSH_9.2\r\n\r\n")).toThrow(/no HTTP/);
  expect(() => heard("HTTP/1.1 101 Yes\r\n", `X-Long: ${"x".repeat(16_400)}`)).toThrow(/too long/);
});

it("tells of a refusal what the relay says", () => {
  const answer = new UpgradeAnswer(ACCEPT);
  const fields = { "X-Refusal": "full", "X-Request-Id": "r1", "Retry-After": "7" };
  const text = `${answerOf(fields, "HTTP/1.1 503 Service Unavailable")}come\n back`;
  const told = answer.push(new Uint8Array(Buffer.from(text)));

  expect([told, answer.isRefused, answer.hasBody]).toEqual(["refused", true, false]);
  expect(answer.refusal()).toEqual({
    refusal: { status: 503, word: "full", requestId: "r1", retryAfterMs: 7000 },
    text: "HTTP 503: full: come back",
  });
  answer.push(new Uint8Array(300).fill(120));
  expect([answer.hasBody, answer.refusal().text.length < 340]).toEqual([true, true]);
});
