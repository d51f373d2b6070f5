import { expect, it, onTestFinished } from "vitest";
import { createLogger } from "../../relay/observability/logger.ts";
import { StunResponder, type StunResponderOptions } from "../../relay/stun/responder.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector, startRelay } from "../support/relay.ts";
import { bindingRequest, changeRequest, mappedAddressIn, plainAddressesIn, UdpClient } from "../support/stun-client.ts";

/** The two addresses of the responder. */
const [FIRST, SECOND] = ["127.0.0.1", "127.0.0.2"];
const [ADDRESS, PORT] = [4, 2];

type Scene = {
  readonly responder: StunResponder;
  readonly port: number;
  readonly otherPort: number;
  readonly clock: FakeClock;
};

/** A responder with two addresses, on a clock that stands still. */
async function startResponder(options: Partial<StunResponderOptions> = {}): Promise<Scene> {
  const clock = new FakeClock();
  const [port, otherPort] = [await freePort(), await freePort()];
  const responder = new StunResponder(
    { clock, log: createLogger("silent", collector([])) },
    {
      host: "::",
      stunPort: port,
      stunAddresses: [FIRST, SECOND],
      stunOtherPort: otherPort,
      reusePort: false,
      stunRequestsPerSecond: 1000,
      ipAllow: [],
      ipDeny: [],
      ...options,
    },
  );
  await responder.start();
  onTestFinished(() => responder.stop());
  return { responder, port, otherPort, clock };
}

it("tells who asks at any of the four places where that is, and where the opposite one is", async () => {
  const { port, otherPort } = await startResponder();
  const client = await UdpClient.open();

  for (const address of [FIRST, SECOND]) {
    for (const asked of [port, otherPort]) {
      const answer = await client.ask(bindingRequest(), asked, address);

      expect(mappedAddressIn(answer)).toBe(`127.0.0.1:${client.port}`);
      expect(plainAddressesIn(answer)).toEqual({
        "0001": `127.0.0.1:${client.port}`,
        "802b": `${address}:${asked}`,
        "802c": `${address === FIRST ? SECOND : FIRST}:${asked === port ? otherPort : port}`,
      });
    }
  }
});

it("answers from the other address, the other port, or both, as RFC 5780 section 6.1 has it", async () => {
  const { port, otherPort } = await startResponder();
  const client = await UdpClient.open();
  const opposite = { [FIRST]: SECOND, [SECOND]: FIRST, [port]: otherPort, [otherPort]: port };

  for (const address of [FIRST, SECOND]) {
    for (const asked of [port, otherPort]) {
      for (const flags of [0, PORT, ADDRESS, ADDRESS | PORT]) {
        const answer = await client.ask(changeRequest(flags), asked, address);

        const origin = `${flags & ADDRESS ? opposite[address] : address}:${flags & PORT ? opposite[asked] : asked}`;
        expect(client.received.at(-1)?.from).toBe(origin);
        expect(plainAddressesIn(answer)).toMatchObject({
          "802b": origin,
          "802c": `${opposite[address]}:${opposite[asked]}`,
        });
      }
    }
  }
});

it("names its addresses as clients reach them, where a NAT stands before it", async () => {
  const { port, otherPort } = await startResponder({
    stunAddresses: [`${FIRST}=192.0.2.1`, `${SECOND}=192.0.2.2`],
  });
  const client = await UdpClient.open();

  const answer = await client.ask(changeRequest(PORT), port);

  expect(client.received.at(-1)?.from).toBe(`${FIRST}:${otherPort}`);
  expect(plainAddressesIn(answer)).toMatchObject({
    "802b": `192.0.2.1:${otherPort}`,
    "802c": `192.0.2.2:${otherPort}`,
  });
});

it("sends a victim few of the larger answers, whatever addresses of its network an attacker writes as its own", async () => {
  const { responder, port, clock } = await startResponder();
  const victims = await Promise.all(["127.0.7.1", "127.0.7.2"].map((one) => UdpClient.open(one)));
  const bystander = await UdpClient.open("127.0.8.1");

  const flood = async (): Promise<void> => {
    const before = totalOf(responder);
    for (let number = 0; number < 50; number += 1) for (const one of victims) one.send(bindingRequest(number), port);
    await eventually(() => expect(totalOf(responder) - before).toBe(100));
  };
  await flood();
  expect(responder.counts()).toMatchObject({ "answered-discovery": 20, answered: 80, "over-rate": 0 });
  expect(await bystander.ask(bindingRequest(), port)).toHaveLength(68);
  clock.advance(1000);
  await flood();

  expect(responder.counts()).toMatchObject({ "answered-discovery": 26, answered: 175, "over-rate": 0 });
  await eventually(() => {
    const lengths = victims.flatMap(({ received }) => received.map(({ datagram }) => datagram.length));
    expect(lengths.filter((length) => length === 68)).toHaveLength(25);
    expect(lengths.filter((length) => length === 32)).toHaveLength(175);
  });
});

it("sends few of the larger answers in all, however many networks an attacker writes as its own", async () => {
  const { responder, port, clock } = await startResponder();
  const victims = await Promise.all(Array.from({ length: 60 }, (_, index) => UdpClient.open(`127.1.${index}.1`)));

  for (const [index, victim] of victims.entries()) {
    for (let number = 0; number < 5; number += 1) victim.send(bindingRequest(number), port);
    // A socket of UDP holds only so much.
    await eventually(() => expect(totalOf(responder)).toBe(5 * (index + 1)));
  }
  expect(responder.counts()).toMatchObject({ "answered-discovery": 200, answered: 100 });
  clock.advance(1000);
  for (const victim of victims) for (let number = 0; number < 3; number += 1) victim.send(bindingRequest(number), port);

  await eventually(() => expect(responder.counts()).toMatchObject({ "answered-discovery": 300, answered: 180 }));
});

it("answers nothing to who wants its answer from elsewhere faster than its network may", async () => {
  const { responder, port } = await startResponder();
  const attacker = await UdpClient.open();

  for (let number = 0; number < 30; number += 1) attacker.send(changeRequest(ADDRESS | PORT, number), port);

  await eventually(() => {
    expect(responder.counts()).toMatchObject({ "answered-discovery": 20, "over-rate": 10 });
  });
  await eventually(() => expect(attacker.received).toHaveLength(20));
  expect(await attacker.ask(bindingRequest(77), port)).toHaveLength(32);
});

it("does not use up the larger answers with errors, nor with what is no request", async () => {
  const { responder, port } = await startResponder();
  const client = await UdpClient.open();
  const responsePort = bindingRequest(1, Buffer.from("0027000412340000", "hex"));

  for (let count = 0; count < 40; count += 1) client.send(responsePort, port);
  for (let count = 0; count < 40; count += 1) client.send(Buffer.from("garbage"), port);
  await eventually(() => expect(responder.counts()).toMatchObject({ refused: 40, "not-stun": 40 }));

  expect(await client.ask(bindingRequest(9), port)).toHaveLength(68);
});

it("cannot be made to talk to itself: an answer that comes to another of its places is no request", async () => {
  const { responder, port, otherPort } = await startResponder();
  const attacker = await UdpClient.open();

  const answer = await attacker.ask(changeRequest(PORT), port);
  attacker.send(answer, otherPort, SECOND);

  await eventually(() => expect(responder.counts()["not-a-request"]).toBe(1));
  expect(attacker.received).toHaveLength(1);
});

it("opens nothing where one of its places cannot be had, and says which option is to change", async () => {
  const { port, otherPort } = await startResponder();
  const free = await freePort();

  const onTaken = startResponder({ stunPort: free, stunAddresses: ["127.0.0.3", FIRST], stunOtherPort: otherPort });
  await expect(onTaken).rejects.toMatchObject({ code: "PORT_IN_USE" });
  await expect(onTaken).rejects.toThrow(/STUN_OTHER_PORT or --stun-other-port/);
  const elsewhere = startResponder({ stunAddresses: [FIRST, "192.0.2.1"], stunPort: free });
  await expect(elsewhere).rejects.toMatchObject({ code: "ADDRESS_NOT_AVAILABLE" });
  await expect(elsewhere).rejects.toThrow(/no address 192\.0\.2\.1.*STUN_ADDRESSES/);

  const again = await startResponder({
    stunPort: free,
    stunAddresses: ["127.0.0.3", "127.0.0.4"],
    stunOtherPort: port,
  });
  expect(totalOf(again.responder)).toBe(0);
});

it("stands beside a relay: counted, logged place by place, and not at HOST", async () => {
  const [stunPort, stunOtherPort] = [await freePort(), await freePort()];
  const stunAddresses = ["127.0.0.3", "127.0.0.4"];
  const relay = await startRelay({ stunPort, stunOtherPort, stunAddresses, adminToken: ADMIN_TOKEN });
  const client = await UdpClient.open();

  client.send(bindingRequest(1), stunPort, "127.0.0.1");
  await client.ask(changeRequest(ADDRESS), stunPort, "127.0.0.3");

  expect(client.received.map(({ from }) => from)).toEqual([`127.0.0.4:${stunPort}`]);
  const logged = relay.logLines().filter(({ msg }) => msg === "stun listening");
  expect(logged.map(({ host, port }) => `${String(host)}:${String(port)}`)).toEqual(
    stunAddresses.flatMap((address) => [`${address}:${stunPort}`, `${address}:${stunOtherPort}`]),
  );
  const { body } = await askAsAdmin(relay, "/metrics");
  expect(body).toContain('relay_stun_datagrams_total{outcome="answered-discovery"} 1');
});

function totalOf(responder: StunResponder): number {
  return Object.values(responder.counts()).reduce((sum, count) => sum + count, 0);
}
