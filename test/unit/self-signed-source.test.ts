import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import { SelfSignedSource } from "../../relay/tls/self-signed-source.ts";
import { FakeClock } from "../support/fake-clock.ts";

const DAY_MS = 86_400_000;

it("makes a certificate for its names, each once", async () => {
  const { source, first } = await start(new FakeClock(), ["localhost", "127.0.0.1", "localhost"]);

  expect(new X509Certificate(first.certificate).subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1");
  expect(source.status()).toMatchObject({ source: "self-signed", names: ["localhost", "127.0.0.1"], isStandIn: false });
});

it("renews itself with a third of its year left, and not before", async () => {
  const clock = new FakeClock();
  const { source, first, later } = await start(clock);

  clock.jumpEpoch(243 * DAY_MS);
  clock.advance(60_000);
  expect(later).toEqual([]);
  clock.jumpEpoch(DAY_MS);
  clock.advance(60_000);

  expect(later).toHaveLength(1);
  expect(later[0]?.key).not.toBe(first.key);
  expect(source.status()).toMatchObject({ expiresAtMs: later[0]?.expiresAtMs, lastSuccessAtMs: clock.epochMs() });
});

it.each([
  ["forwards, past its end", 400 * DAY_MS],
  ["back, to before its beginning", -20 * 365 * DAY_MS],
])("has a certificate that is good within a minute after the clock steps %s", async (_way, stepMs) => {
  const clock = new FakeClock();
  const { source, later } = await start(clock);

  clock.jumpEpoch(stepMs);
  clock.advance(60_000);

  expect(later).toHaveLength(1);
  const { validFrom, validTo } = new X509Certificate(later[0]?.certificate ?? "");
  expect(Date.parse(validFrom)).toBeLessThanOrEqual(clock.epochMs());
  expect(Date.parse(validTo)).toBeGreaterThan(clock.epochMs());
  expect(source.status().lastSuccessAtMs).toBe(clock.epochMs());
});

it("takes a step of seconds for what it is", async () => {
  const clock = new FakeClock();
  const { later } = await start(clock);

  clock.jumpEpoch(-90_000);
  clock.advance(60_000);

  expect(later).toEqual([]);
});

it("makes no more once it has stopped", async () => {
  const clock = new FakeClock();
  const { source, later } = await start(clock);

  await source.stop();
  clock.jumpEpoch(400 * DAY_MS);
  clock.advance(3_600_000);

  expect(later).toEqual([]);
});

async function start(clock: FakeClock, names = ["localhost"]) {
  const source = new SelfSignedSource({ clock }, { names });
  const later: TlsMaterial[] = [];
  const first = await source.start((material) => later.push(material));
  return { source, first, later };
}
