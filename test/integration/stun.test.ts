import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createLogger } from "../../relay/observability/logger.ts";
import { StunResponder, type StunResponderOptions } from "../../relay/stun/responder.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector, startRelay } from "../support/relay.ts";
import { itWithRawSockets } from "../support/requires.ts";
import { bindingRequest, mappedAddressIn, sendFrom, UdpClient } from "../support/stun-client.ts";

/** 32 bytes for 20 are the last that a victim could be sent. */
const VICTIM = "127.0.7.1";
const NOTHING = [
  Buffer.alloc(0),
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  bindingRequest().subarray(0, 19),
  Buffer.concat([bindingRequest(), Buffer.from("more")]),
  Buffer.from("001100002112a442ffa5ab73dcd4020cc22ac223", "hex"),
  Buffer.from("0101000c2112a442ffa5ab73dcd4020cc22ac223002000080001bd3d5e12a443", "hex"),
  Buffer.from("000100082112a442ffa5ab73dcd4020cc22ac2238028000400000000", "hex"),
  Buffer.alloc(65_000, 1),
];

type Scene = { readonly responder: StunResponder; readonly port: number; readonly clock: FakeClock };

/** A responder on a clock that stands still, so that rates are exact. */
async function startResponder(options: Partial<StunResponderOptions> = {}): Promise<Scene> {
  const clock = new FakeClock();
  const stunPort = await freePort();
  const responder = new StunResponder(
    { clock, log: createLogger("silent", collector([])) },
    {
      host: "::",
      stunPort,
      stunAddresses: [],
      stunOtherPort: 3479,
      reusePort: false,
      stunRequestsPerSecond: 5,
      ipAllow: [],
      ipDeny: [],
      ...options,
    },
  );
  await responder.start();
  onTestFinished(() => responder.stop());
  return { responder, port: stunPort, clock };
}

it("sends a victim no more than its network's rate, whatever addresses and ports of it an attacker writes as its own", async () => {
  const { responder, port, clock } = await startResponder();
  const victims = await Promise.all([VICTIM, "127.0.7.2", "127.0.7.3", "127.0.7.4"].map((one) => UdpClient.open(one)));
  const bystander = await UdpClient.open("127.0.8.1");

  for (let number = 0; number < 25; number += 1) {
    for (const victim of victims) victim.send(bindingRequest(number), port);
  }
  await eventually(() => {
    const { answered, "over-rate": overRate } = responder.counts();
    expect([answered, overRate]).toEqual([10, 90]);
  });
  expect(await bystander.ask(bindingRequest(), port)).toHaveLength(32);
  clock.advance(1000);
  for (let number = 0; number < 25; number += 1) victims[0]?.send(bindingRequest(number), port);

  await eventually(() => {
    expect(responder.counts()).toMatchObject({ answered: 16, "over-rate": 110 });
  });
  await eventually(() => {
    const received = victims.flatMap((victim) => victim.received.map(({ datagram }) => datagram.length));
    expect(received).toEqual(Array.from({ length: 15 }, () => 32));
  });
});

it("sends nothing back for what is no request, and answers the request that comes behind it", async () => {
  const { responder, port } = await startResponder();
  const attacker = await UdpClient.open();

  for (const datagram of NOTHING) attacker.send(datagram, port);
  const answer = await attacker.ask(bindingRequest(9), port);

  expect(answer.readUInt32BE(16)).toBe(9);
  expect(attacker.received).toHaveLength(1);
  const counts = { "not-stun": 4, malformed: 1, "not-a-request": 2, "wrong-fingerprint": 1, answered: 1 };
  expect(responder.counts()).toMatchObject(counts);
});

itWithRawSockets()("outlives a request that says it comes from port 0, to which nothing can be sent", async () => {
  const { responder, port } = await startResponder();
  const client = await UdpClient.open();

  sendFrom(0, bindingRequest(), port);

  await eventually(() => {
    expect(responder.counts().failed).toBe(1);
  });
  expect(await client.ask(bindingRequest(), port)).toHaveLength(32);
});

it("does not use up the rate of a network with what it does not answer", async () => {
  const { port } = await startResponder({ stunRequestsPerSecond: 1 });
  const client = await UdpClient.open();

  for (let count = 0; count < 10; count += 1) client.send(NOTHING[4] ?? Buffer.alloc(0), port);

  expect(await client.ask(bindingRequest(), port)).toHaveLength(32);
});

it("tells a client of IPv4 and one of IPv6 their addresses, on one port", async () => {
  const { port } = await startResponder();
  const [fourth, sixth] = [await UdpClient.open("127.0.0.1"), await UdpClient.open("::1")];

  expect(mappedAddressIn(await fourth.ask(bindingRequest(), port))).toBe(`127.0.0.1:${fourth.port}`);
  expect(mappedAddressIn(await sixth.ask(bindingRequest(), port, "::1"))).toBe(`[::1]:${sixth.port}`);
});

it.each(["127.0.0.1", "localhost"])("answers at the address that HOST names: %s", async (host) => {
  const { port } = await startResponder({ host });
  const address = host === "localhost" ? undefined : host;
  const client = await UdpClient.open(address);

  expect(mappedAddressIn(await client.ask(bindingRequest(), port, host))).toBe(`127.0.0.1:${client.port}`);
});

it("answers only whom IP_ALLOW and IP_DENY let connect", async () => {
  const { responder, port } = await startResponder({ ipAllow: ["127.0.0.0/16"], ipDeny: ["127.0.0.2"] });
  const [allowed, denied, stranger] = await Promise.all(
    ["127.0.0.1", "127.0.0.2", "127.9.0.1"].map((address) => UdpClient.open(address)),
  );

  denied?.send(bindingRequest(), port);
  stranger?.send(bindingRequest(), port);
  const answer = await allowed?.ask(bindingRequest(), port);

  expect(answer).toHaveLength(32);
  await eventually(() => {
    expect(responder.counts()).toMatchObject({ answered: 1, "not-allowed": 2 });
  });
  expect([denied?.received, stranger?.received]).toEqual([[], []]);
});

it("frees the port when it stops, more than once, and when it never began", async () => {
  const { responder, port } = await startResponder();

  await Promise.all([responder.stop(), responder.stop()]);
  const next = await startResponder({ stunPort: port });

  expect(next.responder.counts().answered).toBe(0);
  const { responder: none } = await startResponder({ stunPort: 0 });
  await none.stop();
});

it("answers beside a relay that was given a port for it, logs the port, and counts what comes", async () => {
  const stunPort = await freePort();
  const relay = await startRelay({ stunPort, adminToken: ADMIN_TOKEN });
  const client = await UdpClient.open();

  const answer = await client.ask(bindingRequest(), stunPort);
  client.send(Buffer.from("garbage"), stunPort);

  expect(mappedAddressIn(answer)).toBe(`127.0.0.1:${client.port}`);
  expect(relay.logLines()).toContainEqual(
    expect.objectContaining({ msg: "stun listening", host: "127.0.0.1", port: stunPort }),
  );
  await eventually(async () => {
    const { body } = await askAsAdmin(relay, "/metrics");
    expect(body).toContain('relay_stun_datagrams_total{outcome="answered"} 1');
    expect(body).toContain('relay_stun_datagrams_total{outcome="not-stun"} 1');
  });
  const { body } = await askAsAdmin(relay, "/stats");
  expect((JSON.parse(body) as { readonly details: object }).details).toMatchObject({ stun: { answered: 1 } });
});

it("counts a network above its rate as a limit that was hit", async () => {
  const stunPort = await freePort();
  const relay = await startRelay({ stunPort, stunRequestsPerSecond: 1, adminToken: ADMIN_TOKEN });
  const client = await UdpClient.open();

  for (let number = 0; number < 50; number += 1) client.send(bindingRequest(number), stunPort);

  await eventually(async () => {
    const { body } = await askAsAdmin(relay, "/metrics");
    expect(body).toMatch(/relay_rate_limited_total\{limit="stun-requests"\} [1-9]/);
  });
});

it("opens no port of UDP unless it is asked to", async () => {
  const relay = await startRelay();

  expect(relay.logLines().filter(({ msg }) => msg === "stun listening")).toEqual([]);
});

it("does not start on a port that is taken: the error has a code, the option, and leaves nothing running", async () => {
  const { port: stunPort } = await startResponder();
  const starting = startRelay({ host: "::", stunPort });

  await expect(starting).rejects.toMatchObject({ code: "PORT_IN_USE" });
  await expect(starting).rejects.toThrow(/\(UDP\).*ss -lunp.*STUN_PORT or --stun-port/);
});

it("does not start at an address that the machine does not have", async () => {
  await expect(startRelay({ stunPort: await freePort(), host: "192.0.2.1" })).rejects.toMatchObject({
    code: "ADDRESS_NOT_AVAILABLE",
  });
  await expect(startRelay({ stunPort: await freePort(), host: "nowhere.invalid" })).rejects.toMatchObject({
    code: "ADDRESS_NOT_AVAILABLE",
  });
});

it("answers while the relay drains, and frees the port when all are gone", async () => {
  const stunPort = await freePort();
  const relay = await startRelay({ stunPort, drainTimeoutMs: 60_000, tls: "off" });
  const stuck = new WebSocket(relay.url);
  await once(stuck, "open");
  stuck.pause();
  const client = await UdpClient.open();

  const stopped = relay.stop();
  const answer = await client.ask(bindingRequest(), stunPort);
  stuck.terminate();
  await stopped;

  expect(answer).toHaveLength(32);
  const { responder } = await startResponder({ stunPort });
  expect(responder.counts().answered).toBe(0);
});
