import { connect } from "node:tls";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import { createListener, followSockets, listen } from "../../relay/http/listener.ts";
import { AcmeSource } from "../../relay/tls/acme/acme-source.ts";
import type { AcmeOptions } from "../../relay/tls/acme/options.ts";
import { DEFAULT_PACE, type Pace } from "../../relay/tls/acme/schedule.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import type { CertificateStatus } from "../../relay/tls/source.ts";
import type { Pebble } from "../../scripts/loopback/pebble.ts";
import { eventually } from "./eventually.ts";
import { MemoryCertificateStore } from "./memory-certificate-store.ts";

/** In no hurry with the CA after a failure, and in a hurry with all else. */
export const TEST_PACE: Pace = {
  ...DEFAULT_PACE,
  startDelayMs: 0,
  loadPatienceMs: 60_000,
  storeDelayMs: 50,
  maxStoreDelayMs: 200,
  lookEveryMs: 50,
  pollMs: 20,
  maxPollMs: 200,
};

/** What may differ from scene to scene. */
export type SceneOptions = {
  readonly options?: Partial<AcmeOptions>;
  readonly pace?: Partial<Pace>;
  readonly store?: MemoryCertificateStore;
  readonly challenges?: AlpnChallenges;
};

/** A source of certificates with the relay's own listener, on the port where Pebble asks. */
export type AcmeScene = {
  readonly source: AcmeSource;
  readonly store: MemoryCertificateStore;
  readonly challenges: AlpnChallenges;
  /** What was served, from the first on. */
  readonly served: readonly TlsMaterial[];
  readonly logLines: () => readonly Readonly<Record<string, unknown>>[];
  /** Waits until a certificate of the authority is held that was made in this scene or before it. */
  readonly issued: () => Promise<CertificateStatus>;
  readonly stop: () => Promise<void>;
};

/** Starts a scene, which stops when the test does. */
export async function startScene(pebble: Pebble, scene: SceneOptions = {}): Promise<AcmeScene> {
  const { store = new MemoryCertificateStore(), challenges = new AlpnChallenges() } = scene;
  const written: string[] = [];
  const log = pino({ level: "debug", base: null }, { write: (line: string) => void written.push(line) });
  const options: AcmeOptions = { ...optionsFor(pebble), ...scene.options };
  const source = new AcmeSource({ clock: systemClock, log, store, challenges }, options, {
    ...TEST_PACE,
    ...scene.pace,
  });
  const served: TlsMaterial[] = [];
  let renew: ((material: TlsMaterial) => void) | undefined;
  served.push(
    await source.start((material) => {
      served.push(material);
      renew?.(material);
    }),
  );
  const [material] = served;
  if (material === undefined) throw new Error("nothing is served");
  const limits = { maxConnections: 20, maxHttpConnections: 20, handshakeTimeoutMs: 5000, keepAliveTimeoutMs: 5000 };
  const listener = createListener({ tls: { material, challenges }, ...limits });
  renew = listener.renew;
  const { end: closeServer } = followSockets(listener.server);
  listener.server.on("request", (_, response) => response.end("relay"));
  await listen(listener.server, { host: "127.0.0.1", port: pebble.tlsPort, isPortChosen: true, reusePort: false });
  let stopped: Promise<unknown> | undefined;
  const stop = async () => {
    stopped ??= Promise.all([source.stop(), closeServer()]);
    await stopped;
  };
  onTestFinished(stop);
  return {
    source,
    store,
    challenges,
    served,
    logLines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    issued: async () => {
      await eventually(() => {
        if (source.status().isStandIn || store.entries.size < 3) throw new Error(JSON.stringify(source.status()));
      });
      return source.status();
    },
    stop,
  };
}

/** Options of a source for this authority, by TLS-ALPN-01. */
export function optionsFor(pebble: Pebble): AcmeOptions {
  return {
    names: ["relay.example.test"],
    email: "ops@example.test",
    directoryUrl: pebble.directoryUrl,
    profile: "",
    preferredChain: "",
    eab: undefined,
    httpPort: 0,
    httpHost: "127.0.0.1",
    agreeTerms: true,
    caFile: pebble.caFile,
  };
}

/** What an ordinary client is shown: the chain's leaf, PEM; with `ca`, only if it can be trusted. */
export function shownTo(port: number, servername: string, ca?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
    const socket = connect({ host: "127.0.0.1", port, servername, ALPNProtocols: ["http/1.1"], ...trust }, () => {
      resolve(String(socket.getPeerX509Certificate()));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
