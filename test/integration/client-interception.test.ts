import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { ConnectOptions, Relay, TlsOptions } from "../../client/relay.ts";
import { attest, newOwnKey, relayKeyOf } from "../support/attested.ts";
import { makeFolder, makePair, type Pair } from "../support/certificate-files.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { TlsInterceptor } from "../support/tls-interceptor.ts";

/** As a company's own authority is called, and as a product calls its. */
const CORPORATE = "/O=Example Corp/CN=localhost";
const ZSCALER = "/O=Zscaler Inc./CN=localhost";
/** Nobody's: 32 bytes. */
const OTHER_KEY = "A".repeat(43);

type Connecting = Partial<ConnectOptions> & { readonly tls?: TlsOptions };

/** A relay as an app has it, and what it knows of TLS once a topic is joined. */
async function joined(url: string, trusted: string, { tls, ...options }: Connecting = {}) {
  const relay = connect(url, { ...options, proxy: "none", tls: { ca: trusted, ...tls } });
  onTestFinished(() => relay.close());
  await relay.join("topic", { public: true });
  return relay.info.tls;
}

/** How a connection fails that the app wants to be rejected. */
async function rejection(url: string, trusted: string, tls: TlsOptions = {}) {
  const relay: Relay = connect(url, { proxy: "none", tls: { ca: trusted, onIntercept: "reject", ...tls } });
  onTestFinished(() => relay.close());
  const error: unknown = await relay.join("topic", { public: true }).catch((thrown: unknown) => thrown);
  const { code, cause } = error as { readonly code?: string; readonly cause?: Error };
  return { code, cause: cause?.message, state: relay.state };
}

const trustedOf = (relay: TestRelay): string => relay.certificate ?? "";

/** Passes all on but the attestation, which it replaces; or, with undefined, leaves out. */
function withAttestation(attestation: string | undefined) {
  return (text: string): string => {
    const message = JSON.parse(text) as { readonly type: string };
    return message.type === "joined" ? JSON.stringify({ ...message, attestation }) : text;
  };
}

/** One who forges: a key of its own speaks for its own certificate. */
const forgery = ({ certificate }: Pair) =>
  withAttestation(attest(newOwnKey(), [new X509Certificate(certificate).fingerprint256]).toString("base64url"));

it("proves that nobody intercepts TLS, by the relay's key and by a pinned certificate; by polls too", async () => {
  const relay = await startRelay();
  const relayKey = [OTHER_KEY, relayKeyOf(relay)];
  const { fingerprint256 } = new X509Certificate(trustedOf(relay));
  const proved = { issuer: "localhost", fingerprint256, intercepted: "no", vendor: undefined };

  const [pinnedKey, pinned, polled] = await Promise.all([
    joined(relay.url, trustedOf(relay), { tls: { relayKey, onIntercept: "reject" } }),
    joined(relay.url, trustedOf(relay), { tls: { ca: undefined, fingerprint: fingerprint256, onIntercept: "reject" } }),
    joined(relay.url, trustedOf(relay), { transports: ["polling"], tls: { relayKey, onIntercept: "reject" } }),
  ]);

  expect(pinnedKey).toMatchObject({ ...proved, provedBy: "relay-key" });
  expect(pinned).toMatchObject({ ...proved, provedBy: "fingerprint" });
  expect(polled).toMatchObject({ ...proved, provedBy: "relay-key" });
});

it("knows nothing at the first visit; from then on the key, in the file that the app names", async () => {
  const relay = await startRelay();
  const knownRelays = join(makeFolder(), "known-relays");
  const tls = { knownRelays, onIntercept: "reject" } as const;

  const first = await joined(relay.url, trustedOf(relay), { tls });
  const second = await joined(relay.url, trustedOf(relay), { tls });

  expect([first?.intercepted, first?.provedBy]).toEqual(["unknown", undefined]);
  expect([second?.intercepted, second?.provedBy]).toEqual(["no", "earlier-visit"]);
  expect(readFileSync(knownRelays, "utf8")).toBe(`localhost:${relay.port} ${relayKeyOf(relay)}\n`);
});

it("notices who passes the relay's word on, without knowing its key, and names the product", async () => {
  const relay = await startRelay();
  for (const [subject, vendor] of [
    [CORPORATE, undefined],
    [ZSCALER, "Zscaler"],
  ] as const) {
    const pair = makePair(subject);
    const { url } = await TlsInterceptor.start(relay, pair);

    expect(await joined(url, pair.certificate)).toMatchObject({ intercepted: "yes", vendor, provedBy: undefined });
  }
});

it("remembers no key of a connection that is intercepted", async () => {
  const relay = await startRelay();
  const pair = makePair(CORPORATE);
  const { url } = await TlsInterceptor.start(relay, pair);
  const knownRelays = join(makeFolder(), "known-relays");
  writeFileSync(knownRelays, "# of this app\n");

  await joined(url, pair.certificate, { tls: { knownRelays } });

  expect(readFileSync(knownRelays, "utf8")).toBe("# of this app\n");
});

it("does not take who leaves the relay's word out, or forges it, for the relay", async () => {
  const relay = await startRelay();
  const relayKey = relayKeyOf(relay);
  const pair = makePair(CORPORATE);
  const [silent, forger] = await Promise.all([
    TlsInterceptor.start(relay, pair, withAttestation(undefined)),
    TlsInterceptor.start(relay, pair, forgery(pair)),
  ]);

  for (const { url } of [silent, forger]) {
    expect(await joined(url, pair.certificate, { tls: { relayKey } })).toMatchObject({ intercepted: "unknown" });
    // Without the key there is nothing to see.
    expect(await joined(url, pair.certificate)).toMatchObject({ intercepted: "unknown" });
  }
});

it.each([
  ["passes all on", undefined, /^a proxy on the way intercepts TLS$/],
  ["leaves the relay's word out", withAttestation(undefined), /does not prove its certificate/],
  ["sends what is none", withAttestation("AAAA"), /does not prove its certificate/],
] as const)("rejects one who %s, at once and for good, with a typed error", async (_, alter, cause) => {
  const relay = await startRelay();
  const pair = makePair(CORPORATE);
  const { url } = await TlsInterceptor.start(relay, pair, alter);

  const failure = await rejection(url, pair.certificate, { relayKey: relayKeyOf(relay) });

  expect(failure).toEqual({ code: "intercepted", cause: expect.stringMatching(cause), state: "closed" });
});

it("rejects one who forges, by the key that is pinned and by the one of an earlier visit", async () => {
  const relay = await startRelay();
  const pair = makePair(CORPORATE);
  const { url } = await TlsInterceptor.start(relay, pair, forgery(pair));
  const knownRelays = join(makeFolder(), "known-relays");
  writeFileSync(knownRelays, `${new URL(url).host} ${relayKeyOf(relay)}\n`);

  for (const tls of [{ relayKey: relayKeyOf(relay) }, { knownRelays }]) {
    const failure = await rejection(url, pair.certificate, tls);
    expect(failure).toMatchObject({ code: "intercepted", cause: expect.stringContaining("another key") });
  }
});

it("says nothing at all to a product that it knows, nor, with a pinned key, without TLS", async () => {
  const relay = await startRelay();
  const pair = makePair(ZSCALER);
  const interceptor = await TlsInterceptor.start(relay, pair);
  const plain = await startRelay({ tls: "off" });

  const failure = await rejection(interceptor.url, pair.certificate);

  expect(failure).toEqual({ code: "intercepted", cause: "Zscaler intercepts TLS", state: "closed" });
  expect(interceptor.upgradeCount).toBe(0);
  const untold = connect(plain.url, { proxy: "none", tls: { relayKey: OTHER_KEY, onIntercept: "reject" } });
  onTestFinished(() => untold.close());
  const { promise, resolve } = Promise.withResolvers<unknown>();
  untold.on("error", ({ cause }) => resolve(cause));
  expect(await promise).toMatchObject({ message: expect.stringContaining("has no TLS") });
});

it("asks for the relay's word once on a connection", async () => {
  const relay = await startRelay();
  const pair = makePair(CORPORATE);
  const interceptor = await TlsInterceptor.start(relay, pair);
  const app = connect(interceptor.url, { proxy: "none", tls: { ca: pair.certificate } });
  onTestFinished(() => app.close());

  await app.join("one", { public: true });
  await app.join("two", { public: true });

  const joins = interceptor.heard.filter((text) => text.includes('"join"'));
  expect(joins.map((text) => text.includes('"attest":true'))).toEqual([true, false]);
});

it("says nothing either way of a relay that has no key of its own", async () => {
  const keyStore = new MemoryCertificateStore();
  keyStore.loadFailure = "store-denied";
  const relay = await startRelay({}, undefined, { keyStore });

  expect(await joined(relay.url, trustedOf(relay), { tls: { onIntercept: "reject" } })).toMatchObject({
    intercepted: "unknown",
    provedBy: undefined,
  });
});

it.each([
  [{ relayKey: "short" }, /tls.relayKey/],
  [{ relayKey: [] }, /tls.relayKey/],
  [{ onIntercept: "warn" as "allow" }, /tls.onIntercept/],
  [{ knownRelays: "/" }, /tls.knownRelays/],
])("refuses options that make no sense: %j", (tls, cause) => {
  expect(() => connect("wss://localhost:1", { tls })).toThrow(
    expect.objectContaining({ code: "option-invalid", cause: expect.stringMatching(cause) }),
  );
});
