import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { CertificateFiles, makePair, type Pair } from "../support/certificate-files.ts";
import { Client, openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { askReady } from "../support/ready.ts";
import { startRelay } from "../support/relay.ts";
import { agree } from "../support/tls-client.ts";

/** More than the time between two looks at the files. */
const LOOK_MS = 2500;

it("gives new connections a renewed certificate, and leaves the port and open WebSockets alone", async () => {
  const scene = await startWithFiles(makePair("first"));
  const reader = await openClassic(scene.relay, "t", "reader");
  const writer = await openClassic(scene.relay, "t", "writer");
  await reader.take(1);
  const second = makePair("second");

  writer.send({ type: "data", data: "YmVmb3Jl" });
  await scene.renew(second);
  writer.send({ type: "data", data: "YWZ0ZXI=" });
  const newcomer = await openClassic({ ...scene.relay, certificate: second.certificate }, "t", "newcomer");

  const received = await reader.take(3);
  expect(received.map(({ data, type }) => data ?? type)).toEqual(["YmVmb3Jl", "YWZ0ZXI=", "peer-joined"]);
  expect(await Promise.all([reader, writer, newcomer].map((client) => isOpen(client)))).toEqual([true, true, true]);
  expect(scene.relay.figures()).toMatchObject({ connections: 3, messages: 2 });
});

it("logs each certificate that it serves, with what a client can compare, and not its key", async () => {
  const [first, second] = [makePair("first"), makePair("second")];
  const scene = await startWithFiles(first);

  await scene.renew(second);

  const events = scene.relay.logLines().filter(({ msg }) => msg === "certificate");
  expect(events).toEqual(
    [first, second].map(({ certificate }, index) => ({
      level: "info",
      time: expect.any(String),
      source: "files",
      names: ["localhost", "127.0.0.1"],
      issuer: index === 0 ? "first" : "second",
      expiresAt: new Date(new X509Certificate(certificate).validTo).toISOString(),
      fingerprint: fingerprintOf(certificate),
      isStandIn: false,
      msg: "certificate",
    })),
  );
  expect(JSON.stringify(scene.relay.logLines())).not.toContain("PRIVATE");
});

it("speaks TLS with a renewed certificate as it did before", async () => {
  const scene = await startWithFiles(makePair("first"));

  await scene.renew(makePair("second"));

  const insecure = { ciphers: "ALL:@SECLEVEL=0", maxVersion: "TLSv1.1", minVersion: "TLSv1" } as const;
  await expect(agree(scene.relay, insecure)).rejects.toThrow();
  await expect(agree(scene.relay, { ciphers: "AES128-GCM-SHA256", maxVersion: "TLSv1.2" })).rejects.toThrow();
  await expect(agree(scene.relay, { ALPNProtocols: ["h2"] })).rejects.toThrow();
  expect(await agree(scene.relay, { ALPNProtocols: ["http/1.1"] })).toMatchObject({
    version: "TLSv1.3",
    cipher: "TLS_AES_128_GCM_SHA256",
    alpn: "http/1.1",
  });
});

it("goes on with the old certificate, and is ready, where the new files cannot be served", async () => {
  const first = makePair("first");
  const scene = await startWithFiles(first);

  scene.files.overwrite({ certificate: "no certificate" });
  await eventually(async () => {
    scene.clock.advance(LOOK_MS);
    expect((await askReady(scene.relay.port)).certificate).toMatchObject({
      last_error_code: "files-invalid",
      consecutive_failures: 1,
    });
  });

  expect((await agree(scene.relay)).fingerprint).toBe(fingerprintOf(first.certificate));
  expect(await askReady(scene.relay.port)).toMatchObject({ status: "ready" });
});

it("starts with an expired certificate, is not ready, and becomes it when the files are renewed", async () => {
  const clock = new FakeClock();
  clock.jumpEpoch(Date.now() - clock.epochMs() + 10 * 86_400_000);
  const scene = await startWithFiles(makePair("expired", 1), clock);

  const before = await askReady(scene.relay.port);
  await scene.renew(makePair("renewed", 30));

  expect(before).toMatchObject({ status: "no-certificate", certificate: { last_error_code: "files-invalid" } });
  expect(await askReady(scene.relay.port)).toMatchObject({ status: "ready", certificate: { last_error_code: null } });
});

/** A relay over files, whose clock the test moves. */
async function startWithFiles(pair: Pair, clock: FakeClock = todaysClock()) {
  const files = new CertificateFiles(pair);
  const { keyFile: tlsKeyFile, certificateFile: tlsCertFile } = files;
  const relay = await startRelay({ tls: "files", tlsKeyFile, tlsCertFile }, clock);
  const renew = async (next: Pair): Promise<void> => {
    files.replace(next);
    await eventually(async () => {
      clock.advance(LOOK_MS);
      expect((await agree(relay)).fingerprint).toBe(fingerprintOf(next.certificate));
    });
  };
  return { relay, files, clock, renew };
}

/** Certificates that openssl makes are good from now on. */
function todaysClock(): FakeClock {
  const clock = new FakeClock();
  clock.jumpEpoch(Date.now() - clock.epochMs());
  return clock;
}

async function isOpen(client: Client): Promise<boolean> {
  await client.settled();
  return client.socket.readyState === client.socket.OPEN;
}

function fingerprintOf(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256;
}
