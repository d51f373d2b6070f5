import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, Opcode, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

/** What a client sends at once, without waiting for any answer: its upgrade, a join, and a lot of data. */
async function everythingAtOnce(authorization: string): Promise<Buffer> {
  const messages = Array.from({ length: 500 }, (_, index) => ({ type: "data", topic: "t", data: `${index}` }));
  const join = { type: "join", topic: "t", peerId: "eager" };
  return Buffer.concat([
    Buffer.from(upgradeRequest(["Sec-WebSocket-Protocol: postern.v1", `Authorization: Bearer ${authorization}`])),
    ...[join, ...messages].map((message) => encodeFrame({ payload: JSON.stringify(message) })),
    encodeFrame({ opcode: Opcode.ping, payload: "end" }),
  ]);
}

it.each(["off", "self-signed"] as const)(
  "takes in order what a client sends behind its upgrade while its token is checked (TLS: %s)",
  async (tls) => {
    const relay = await startRelay({ ...(await tokenOptions()), tls });
    const raw = await RawSocket.open(relay);

    raw.write(await everythingAtOnce(await token()));

    await eventually(() => expect(raw.text()).toContain("\u008a\u0003end"));
    expect(relay.figures()).toMatchObject({ peers: 1, messages: 500 });
  },
);

it("answers a refused token with 401 and an id, and takes nothing of what came behind it", async () => {
  const relay = await startRelay({ ...(await tokenOptions()), tls: "off" });
  const raw = await RawSocket.open(relay);

  raw.write(await everythingAtOnce("not.a.token"));

  await raw.closed();
  expect(raw.text()).toMatch(
    /^HTTP\/1\.1 401 .*\r\nX-Request-Id: [a-z2-7]{10}\r\n(?:X-Refusal: .*\r\n)?WWW-Authenticate: Bearer error/s,
  );
  expect(relay.figures()).toMatchObject({ connections: 0, peers: 0, messages: 0 });
});
