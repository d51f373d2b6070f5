import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  entryNames,
  entryText,
  NO_ATTEMPTS,
  readAccountEntry,
  readAttemptsEntry,
  readCertificateEntry,
} from "../../relay/tls/acme/entries.ts";

const DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory";
const STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";

describe("the names of entries", () => {
  it("may name an entry of any store", () => {
    for (const name of Object.values(entryNames(DIRECTORY, ["relay.example"]))) {
      expect(name).toMatch(/^[a-z0-9-]{1,100}$/);
    }
  });

  it("are the same for the same names in any order and case", () => {
    expect(entryNames(DIRECTORY, ["a.example", "B.example"])).toEqual(
      entryNames(DIRECTORY, ["b.example", "a.example"]),
    );
  });

  it("share the account between certificates of one directory, and nothing between directories", () => {
    const one = entryNames(DIRECTORY, ["a.example"]);
    const other = entryNames(DIRECTORY, ["b.example"]);
    const staging = entryNames(STAGING, ["a.example"]);

    expect(one.account).toBe(other.account);
    expect(new Set([...Object.values(one), other.certificate, other.attempts, ...Object.values(staging)]).size).toBe(8);
  });

  it("stay what they are: a relay that is updated finds its certificate", () => {
    expect(entryNames(DIRECTORY, ["relay.example"])).toMatchInlineSnapshot(`
      {
        "account": "acme-account-5e76d31517ecd6640e53",
        "attempts": "relay-attempts-a64e45883497f8860b4c",
        "certificate": "relay-cert-a64e45883497f8860b4c",
      }
    `);
  });
});

describe("an entry", () => {
  it("is read as it was written", () => {
    const account = { directoryUrl: DIRECTORY, key: "PEM", accountUrl: "https://ca.example/1", email: "ops@a.example" };
    const certificate = { directoryUrl: DIRECTORY, names: ["a.example"], key: "PEM", certificate: "PEM", jitter: 0.25 };
    const attempts = {
      orderedAtMs: [1, 2],
      consecutiveFailures: 3,
      failedOrders: 2,
      notBeforeMs: 4,
      lastSuccessAtMs: 5,
      lastErrorCode: "rate-limited",
      requestedAtMs: 6,
    } as const;

    expect(readAccountEntry(entryText(account))).toEqual(account);
    expect(readCertificateEntry(entryText(certificate))).toEqual(certificate);
    expect(readAttemptsEntry(entryText(attempts))).toEqual(attempts);
    expect(readAttemptsEntry(entryText(NO_ATTEMPTS))).toEqual(NO_ATTEMPTS);
  });

  it("that lacks what matters is none", () => {
    expect(readAccountEntry(JSON.stringify({ directoryUrl: DIRECTORY }))).toBeUndefined();
    expect(readCertificateEntry(JSON.stringify({ directoryUrl: DIRECTORY, key: "", names: [1] }))).toBeUndefined();
    expect(readAttemptsEntry("[]")).toBeUndefined();
  });

  it("of attempts is read as far as it makes sense", () => {
    const broken = {
      orderedAtMs: [1, "2", null],
      consecutiveFailures: -1,
      lastErrorCode: "unheard-of",
      notBeforeMs: "x",
    };

    expect(readAttemptsEntry(JSON.stringify(broken))).toEqual({ ...NO_ATTEMPTS, orderedAtMs: [1] });
  });

  it("never makes a reader throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        readAccountEntry(text);
        readCertificateEntry(text);
        readAttemptsEntry(text);
      }),
    );
  });
});
