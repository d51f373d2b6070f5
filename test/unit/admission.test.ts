import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { expect, it } from "vitest";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Admission, type AdmissionOptions } from "../../relay/entrance/admission.ts";
import { upgradeRefusals } from "../../relay/entrance/upgrade-refusals.ts";
import { Hub } from "../../relay/hub/hub.ts";
import { Networks } from "../../relay/limits/address.ts";
import { AddressLimits } from "../../relay/limits/address-limits.ts";
import { Returners } from "../../relay/limits/returners.ts";
import { Connections } from "../../relay/session/connections.ts";
import { Dialects } from "../../relay/session/dialects.ts";
import type { Access } from "../../relay/session/ports.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { hubOptions } from "../support/hub-options.ts";
import { noVisit } from "../support/no-visit.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

const ADDRESS = "192.0.2.1";

/** An admission whose authority answers when it is told to. */
function scene(options: Partial<AdmissionOptions> = {}) {
  const clock = new FakeClock();
  const given: { released: number; access: Access }[] = [];
  const answers: (() => void)[] = [];
  const newAccess = (): Access => {
    const one = { released: 0, access: new FakeConnection().access };
    given.push(one);
    return { ...one.access, release: () => void (one.released += 1) };
  };
  const limits = new AddressLimits({
    maxConnectionsPerIp: 0,
    connectionsPerIpPerMinute: 0,
    maxHandshakesInFlight: 9,
    maxHttpConnections: 9,
  });
  const nobody = new Networks([]);
  const admission = new Admission(
    {
      clock,
      connections: new Connections(clock, { sweepIntervalMs: 1000, pingIntervalMs: 800, joinTimeoutMs: 1000 }),
      dialects: new Dialects([
        new TopicDialect({
          hub: new Hub(hubOptions(), { time: new TestTime() }),
          limits: { maxFrameBytes: 1, maxTopicsPerConnection: 1, maxPayloadBytes: 1_000_000 },
          pingIntervalMs: 25_000,
          time: new TestTime(),
          takeovers: new Takeovers(),
          nowMs: () => 0,
        }),
      ]),
      arrivals: { arrivedOn: () => ({ address: ADDRESS, isForwarding: false, isOverRate: false }) },
      addresses: { of: (address) => address },
      limits,
      returners: new Returners(clock),
      allowed: nobody,
      denied: nobody,
      memory: { isHigh: false },
      authority: { admit: () => new Promise((resolve) => answers.push(() => resolve({ access: newAccess() }))) },
    },
    { maxConnections: 5000, maxUndecidedConnections: 5000, allowedOrigins: [], handshakeTimeoutMs: 1000, ...options },
  );
  const applicant = { clientAddress: ADDRESS, isOverRate: false, visit: noVisit };
  return { admission, applicant, clock, given, answers, limits };
}

function request(): { readonly request: IncomingMessage; readonly socket: EventEmitter } {
  const socket = new EventEmitter();
  const [url, rawHeaders] = ["/", ["Host", "localhost"]];
  return { request: { url, rawHeaders, headers: {}, socket } as unknown as IncomingMessage, socket };
}

const settled = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

it("lets in when the check says so, however long that takes within its time", async () => {
  const { admission, answers, clock } = scene();
  const { request: message, socket } = request();
  const decision = admission.decide(message);

  clock.advance(999);
  answers[0]?.();

  expect(await decision).toHaveProperty("access");
  expect(socket.listenerCount("close")).toBe(0);
});

it("gives up after a second, however long a handshake may take: a browser keeps others waiting behind it", async () => {
  const { admission, answers, clock } = scene({ handshakeTimeoutMs: 10_000 });
  const decision = admission.decide(request().request);

  clock.advance(1000);
  const decided = await decision;
  answers[0]?.();

  expect(decided).toMatchObject({ refused: "check-timeout", status: 503 });
});

it("gives up when the check takes too long, and takes back the access that comes after that", async () => {
  const { admission, answers, clock, given } = scene();
  const decision = admission.decide(request().request);

  clock.advance(1000);
  const decided = await decision;
  answers[0]?.();
  await settled();

  expect(decided).toMatchObject({ refused: "check-timeout", status: 503 });
  expect(given.map(({ released }) => released)).toEqual([1]);
});

it("gives up when the client is gone, and takes back the access that comes after that", async () => {
  const { admission, answers, given } = scene();
  const { request: message, socket } = request();
  const decision = admission.decide(message);

  socket.emit("close");
  await decision;
  answers[0]?.();
  await settled();

  expect(given.map(({ released }) => released)).toEqual([1]);
  expect(socket.listenerCount("close")).toBe(0);
});

it("refuses when the drain begins during the check, and takes the access back", async () => {
  const { admission, answers, given } = scene();
  const decision = admission.decide(request().request);

  admission.drain();
  answers[0]?.();

  expect(await decision).toMatchObject({ refused: "draining", status: 503 });
  expect(given.map(({ released }) => released)).toEqual([1]);
});

it("counts those who are being checked among the connections, and among the undecided", () => {
  const asked = [{ maxConnections: 1 }, { maxUndecidedConnections: 1 }].map((options) => {
    const { admission, applicant } = scene(options);
    const first = admission.check(request().request, applicant);
    void admission.decide(request().request);
    return [first, admission.check(request().request, applicant)];
  });

  expect(asked).toEqual([
    [undefined, "max-connections"],
    [undefined, "undecided"],
  ]);
});

it("counts what it refuses by reason, and has a count for every reason", () => {
  const { admission } = scene();

  admission.refused("origin");
  admission.refused("origin");

  const counts = admission.counts();
  expect(Object.keys(counts)).toEqual(Object.keys(upgradeRefusals));
  expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([["origin", 2]]);
});

it("gives back the place of an address when who had it is gone", () => {
  const { admission, applicant, limits } = scene();

  admission.check(request().request, applicant);
  const during = limits.addressCount;
  admission.left(applicant);

  expect([during, limits.addressCount]).toEqual([1, 0]);
});
