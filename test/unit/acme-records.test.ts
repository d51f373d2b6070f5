import { describe, expect, it } from "vitest";
import { entryNames } from "../../relay/tls/acme/entries.ts";
import { AcmeRecords, type Held, readHeld } from "../../relay/tls/acme/records.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const OPTIONS = { directoryUrl: "https://ca.example/dir", names: ["relay.example"] };
const material = createSelfSigned({ names: OPTIONS.names, notBefore: new Date(NOW_MS), lifetimeDays: 90 });
const other = createSelfSigned({ names: OPTIONS.names, notBefore: new Date(NOW_MS), lifetimeDays: 90 });

describe("a certificate", () => {
  it("may begin up to five minutes from now: the authority's clock may be ahead", () => {
    expect(readHeld(material, 0, NOW_MS - 5 * MINUTE_MS)).toMatchObject({ facts: { notBeforeMs: NOW_MS } });
    expect(readHeld(material, 0, NOW_MS - 5 * MINUTE_MS - 1)).toBe("not-yet-valid");
  });

  it("that has ended, or that has another's key, is not held", () => {
    expect(readHeld(material, 0, NOW_MS + 90 * DAY_MS)).toBe("expired");
    expect(readHeld({ ...material, key: other.key }, 0, NOW_MS)).toBe("key-does-not-fit");
  });

  it("comes back from the store as it was kept, with its jitter", async () => {
    const store = new MemoryCertificateStore();
    const held = readHeld(material, 0.25, NOW_MS) as Held;

    await new AcmeRecords(store, OPTIONS).saveCertificate(held);

    expect(await new AcmeRecords(store, OPTIONS).loadCertificate(NOW_MS)).toEqual(held);
    expect(await new AcmeRecords(store, OPTIONS).loadCertificate(NOW_MS + 91 * DAY_MS)).toBeUndefined();
  });

  it("that was copied to the place of another directory is not taken", async () => {
    const store = new MemoryCertificateStore();
    const staging = { ...OPTIONS, directoryUrl: "https://staging.example/dir" };
    await new AcmeRecords(store, staging).saveCertificate(readHeld(material, 0, NOW_MS) as Held);
    const text = store.entries.get(entryNames(staging.directoryUrl, staging.names).certificate) ?? "";
    store.entries.set(entryNames(OPTIONS.directoryUrl, OPTIONS.names).certificate, text);

    expect(await new AcmeRecords(store, OPTIONS).loadCertificate(NOW_MS)).toBeUndefined();
  });
});

it("takes an entry that the store calls corrupt for none, and passes every other failure on", async () => {
  const store = new MemoryCertificateStore();
  const records = new AcmeRecords(store, OPTIONS);

  store.loadFailure = "store-corrupt";
  expect(await records.loadCertificate(NOW_MS)).toBeUndefined();
  store.loadFailure = "store-denied";

  await expect(records.loadCertificate(NOW_MS)).rejects.toMatchObject({ code: "store-denied" });
});
