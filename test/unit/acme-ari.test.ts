import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { certificateId, readRenewalInfo, renewalInfoPollMs } from "../../relay/tls/acme/ari.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";

const HOUR_MS = 3_600_000;

/** RFC 9773, appendix A. */
const RFC_EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;

describe("the certificate id", () => {
  it("of the example of RFC 9773 is what RFC 9773 says", () => {
    expect(certificateId(RFC_EXAMPLE)).toBe("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  });

  it("of a chain is that of its first certificate", () => {
    const { certificate } = createSelfSigned({ names: ["a.example"], notBefore: new Date(), lifetimeDays: 1 });

    expect(certificateId(RFC_EXAMPLE + certificate)).toBe(certificateId(RFC_EXAMPLE));
  });

  it("is missing where the certificate does not name the key of its issuer", () => {
    const { certificate } = createSelfSigned({ names: ["a.example"], notBefore: new Date(), lifetimeDays: 1 });

    expect(certificateId(certificate)).toBeUndefined();
  });
});

describe("renewal information", () => {
  const start = "2026-01-02T04:00:00Z";
  const end = "2026-01-03T04:00:00Z";

  it("gives the window, and the page that explains it", () => {
    const explanationURL = "https://ca.example/why";
    const window = { startMs: Date.UTC(2026, 0, 2, 4), endMs: Date.UTC(2026, 0, 3, 4) };

    expect(readRenewalInfo({ suggestedWindow: { start, end }, explanationURL })).toEqual({
      window,
      explanationUrl: explanationURL,
    });
    expect(readRenewalInfo({ suggestedWindow: { start, end } })?.explanationUrl).toBeUndefined();
  });

  it.each([
    ["no object", "text"],
    ["no window", {}],
    ["no end", { suggestedWindow: { start } }],
    ["a window of no length", { suggestedWindow: { start, end: start } }],
    ["an end before the start", { suggestedWindow: { start: end, end: start } }],
    ["times that are none", { suggestedWindow: { start: "soon", end: "later" } }],
    ["times as numbers", { suggestedWindow: { start: 1, end: 2 } }],
  ])("with %s is none", (_, answer) => {
    expect(readRenewalInfo(answer)).toBeUndefined();
  });

  it("never throws, whatever a CA says", () => {
    fc.assert(fc.property(fc.jsonValue(), (answer) => void readRenewalInfo(answer)));
  });

  it("is asked for twice a day, or as the CA says, within a minute and a day", () => {
    expect(renewalInfoPollMs(undefined)).toBe(12 * HOUR_MS);
    expect(renewalInfoPollMs(6 * HOUR_MS)).toBe(6 * HOUR_MS);
    expect(renewalInfoPollMs(1)).toBe(60_000);
    expect(renewalInfoPollMs(1000 * HOUR_MS)).toBe(24 * HOUR_MS);
  });
});
