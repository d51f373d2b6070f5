import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import { loadConfig } from "../../relay/config/load.ts";
import type { Config } from "../../relay/config/options.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createRelay } from "../../relay/relay.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeSource } from "../support/fake-source.ts";
import { askReady } from "../support/ready.ts";
import { collector } from "../support/relay.ts";
import { agree } from "../support/tls-client.ts";

it("is not ready with a stand-in, and ready once the source has given the certificate that is wanted", async () => {
  const { relay, source, ready } = await start();

  const before = await ready();
  source.give({ isStandIn: false });
  const after = await ready();

  expect(before).toMatchObject({ code: 503, status: "no-certificate", certificate: { is_stand_in: true } });
  expect(after).toMatchObject({ code: 200, status: "ready", certificate: { is_stand_in: false } });
  expect(relay.certificate()).toMatchObject({ source: "acme", isStandIn: false });
});

it("stays ready while renewals fail, and shows that they do", async () => {
  const { source, ready } = await start();
  source.give({ isStandIn: false });

  source.give({ lastErrorCode: "ca-unreachable", consecutiveFailures: 3, nextAttemptAtMs: 1_800_000_000_999 });

  expect(await ready()).toMatchObject({
    code: 200,
    certificate: { last_error_code: "ca-unreachable", consecutive_failures: 3, next_attempt: 1_800_000_000 },
  });
});

it("tells the log of each certificate, the stand-in too", async () => {
  const { source, logLines } = await start();

  const { expiresAtMs } = source.give({ isStandIn: false });

  const events = logLines().filter(({ msg }) => msg === "certificate");
  expect(events.map(({ isStandIn }) => isStandIn)).toEqual([true, false]);
  expect(events[1]).toMatchObject({ source: "acme", expiresAt: new Date(expiresAtMs).toISOString() });
});

it("stops the source when the port cannot be opened", async () => {
  const owner = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void owner.close());
  await once(owner, "listening");
  const { port } = owner.address() as AddressInfo;
  const { relay, source } = create({ port });

  await expect(relay.start()).rejects.toMatchObject({ code: "PORT_IN_USE" });

  expect(source.isStopped).toBe(true);
});

it("stops the source with the relay, before the last connection is gone", async () => {
  const { relay, source } = await start();

  const stopped = relay.stop();

  expect(source.isStopped).toBe(true);
  await stopped;
});

it("does not wait for ever for a source that does not stop", async () => {
  const clock = new FakeClock();
  const { relay, source } = await start(clock);
  source.stopping = new Promise(() => undefined);
  const outcomes: string[] = [];

  const stopped = relay.stop();
  void stopped.then(() => outcomes.push("stopped"));
  await eventually(() => expect(source.isStopped).toBe(true));
  outcomes.push("time passes");
  clock.advance(2000);
  await stopped;

  expect(outcomes).toEqual(["time passes", "stopped"]);
});

it("asks no source for a certificate without TLS", async () => {
  const { relay } = create({ tls: "off" });
  onTestFinished(() => relay.stop());

  expect(await relay.start()).toMatchObject({ certificate: undefined, fingerprint: undefined });

  expect(relay.certificate()).toBeUndefined();
});

it("gives its address with the certificate that it serves first", async () => {
  const { address } = await start();

  expect(await agree(address)).toMatchObject({ fingerprint: address.fingerprint });
});

function create(overrides: Partial<Config> = {}, clock?: FakeClock) {
  const lines: string[] = [];
  const config = { ...loadConfig({ flags: {}, env: {} }).config, host: "127.0.0.1", port: 0, ...overrides };
  const source = new FakeSource((clock ?? systemClock).epochMs());
  const log = createLogger("info", collector(lines));
  const relay = createRelay(config, { log, isPortChosen: true, source, clock: clock ?? systemClock });
  const logLines = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { relay, source, logLines };
}

async function start(clock?: FakeClock) {
  const { relay, source, logLines } = create({}, clock);
  const address = await relay.start();
  onTestFinished(async () => {
    source.stopping = Promise.resolve();
    await relay.stop();
  });
  const ready = () => askReady(address.port);
  return { relay, source, logLines, address, ready };
}
