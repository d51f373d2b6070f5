import { expect, it } from "vitest";
import { systemClock } from "../../client/clock.ts";
import { type Diagnosis, diagnoseBy } from "../../client/doctor/diagnosis.ts";
import type { TlsOptions } from "../../client/relay.ts";
import { relayKeyOf } from "../support/attested.ts";
import { makePair } from "../support/certificate-files.ts";
import { startRelay } from "../support/relay.ts";
import { TlsInterceptor } from "../support/tls-interceptor.ts";

const PRODUCT = "/O=Fortinet Ltd./CN=localhost";
const CORPORATE = "/O=Example Corp/CN=localhost";

/** What is said of interception, and as which fields. */
async function interceptionAt(url: string, tls: TlsOptions) {
  const scene = { clock: systemClock, platform: "none", env: {} };
  const diagnosis: Diagnosis = await diagnoseBy(scene, url, { tls, proxy: "none" });
  const { state, text } = diagnosis.findings.find(({ check }) => check === "interception") ?? {};
  const { intercepted, vendor, provedBy } = diagnosis.tls ?? {};
  return { finding: `${state}: ${text}`, intercepted, vendor, provedBy, works: diagnosis.verdict.works };
}

it("says who intercepts TLS, by a WebSocket and by the long poll alone; that nobody does, by the relay's key; and what would settle it", async () => {
  const relay = await startRelay();
  const ca = relay.certificate ?? "";
  const [product, company] = [makePair(PRODUCT), makePair(CORPORATE)];
  const [open, narrow] = await Promise.all([
    TlsInterceptor.start(relay, product),
    TlsInterceptor.start(relay, company, "refused"),
  ]);

  const [byProduct, byCompany, proved, wrongKey, unknown] = await Promise.all([
    interceptionAt(open.url, { ca: product.certificate }),
    interceptionAt(narrow.url, { ca: company.certificate }),
    interceptionAt(relay.url, { ca, relayKey: relayKeyOf(relay) }),
    interceptionAt(relay.url, { ca, relayKey: "A".repeat(43), onIntercept: "reject" }),
    interceptionAt(relay.url, { ca }),
  ]);

  expect(byProduct).toEqual({
    finding: "warned: Fortinet intercepts TLS (Fortinet Ltd., localhost); end-to-end encryption still holds",
    intercepted: "yes",
    vendor: "Fortinet",
    provedBy: undefined,
    works: true,
  });
  expect(byCompany).toMatchObject({
    finding: "warned: a proxy on the way intercepts TLS (Example Corp, localhost); end-to-end encryption still holds",
    intercepted: "yes",
    works: true,
  });
  expect(proved).toMatchObject({ finding: expect.stringMatching(/^ok: none: /), provedBy: "relay-key", works: true });
  expect(wrongKey).toMatchObject({ finding: expect.stringContaining("does not prove"), works: true });
  expect(unknown).toMatchObject({ intercepted: "unknown", finding: expect.stringContaining("--relay-key") });
});
