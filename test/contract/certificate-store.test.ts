import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectoryStore } from "../../relay/tls/store/directory-store.ts";
import { KeyVaultStore } from "../../relay/tls/store/key-vault-store.ts";
import { type CertificateStore, StoreError } from "../../relay/tls/store/ports.ts";
import { FakeKeyVault } from "../support/fake-key-vault.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";

const KIBIBYTE = 1024;
/** Text with what JSON, UTF-8 and line ends can do. */
const TEXT = JSON.stringify({ key: "-----BEGIN\nPRIVATE KEY-----\r\n", name: "postern \u{1f6aa} \u0000 \\" }, null, 2);

/** A store at a place of its own, and a second one at the same place: the process after a restart. */
type Places = { readonly store: CertificateStore; readonly again: CertificateStore };

const kinds: Readonly<Record<string, () => Promise<Places>>> = {
  MemoryCertificateStore: async () => {
    const entries = new Map<string, string>();
    return { store: new MemoryCertificateStore(entries), again: new MemoryCertificateStore(entries) };
  },
  DirectoryStore: async () => {
    const path = await mkdtemp(join(tmpdir(), "postern-store-"));
    onTestFinished(() => rm(path, { recursive: true }));
    return { store: new DirectoryStore(path), again: new DirectoryStore(path) };
  },
  KeyVaultStore: async () => {
    const { url: vaultUrl, ca } = await FakeKeyVault.start();
    // The SDK keeps tokens by client id for as long as the process lives: a new id needs a new token.
    const vault = { vaultUrl, clientId: randomBytes(8).toString("hex") };
    const options = { emulator: { ca } };
    return { store: new KeyVaultStore(vault, options), again: new KeyVaultStore(vault, options) };
  },
};

describe.each(Object.entries(kinds))("%s", (_, open) => {
  it("gives back what was saved, byte by byte, also after a restart", async () => {
    const { store, again } = await open();

    await store.save("relay-cert-0a", TEXT, { expiresAtMs: 1_800_000_000_000 });

    expect(await store.load("relay-cert-0a")).toBe(TEXT);
    expect(await again.load("relay-cert-0a")).toBe(TEXT);
  });

  it("has nothing for an entry that was never saved", async () => {
    const { store } = await open();

    await store.save("here", "{}");

    expect(await store.load("elsewhere")).toBeUndefined();
  });

  it("can be prepared, before the first save and after it, and keeps what it has", async () => {
    const { store, again } = await open();

    await store.prepare();
    await store.save("entry", "{}");
    await again.prepare();

    expect(await again.load("entry")).toBe("{}");
  });

  it("keeps the entry that was saved last", async () => {
    const { store } = await open();

    await store.save("entry", `{"text":"the first, and longer"}`);
    await store.save("entry", `{"text":"last"}`);

    expect(await store.load("entry")).toBe(`{"text":"last"}`);
  });

  it("keeps entries apart", async () => {
    const { store } = await open();

    await Promise.all([store.save("a", "1"), store.save("a-1", "2"), store.save("x".repeat(100), "3")]);

    expect([await store.load("a"), await store.load("a-1"), await store.load("x".repeat(100))]).toEqual([
      "1",
      "2",
      "3",
    ]);
  });

  it("keeps 20 KiB, and refuses a byte more with store-full", async () => {
    const { store } = await open();
    const largest = JSON.stringify("é".repeat(10 * KIBIBYTE - 1));

    await store.save("large", largest);
    const refused = store.save("large", `${largest}x`);

    await expect(refused).rejects.toMatchObject({ name: "StoreError", code: "store-full" });
    expect(Buffer.byteLength(largest)).toBe(20 * KIBIBYTE);
    expect(await store.load("large")).toBe(largest);
  });

  it.each(["", "x".repeat(101), "../entry", "a/b", "A", "a.json", "a b", "ä", "a\n"])(
    "refuses %j as the name of an entry",
    async (name) => {
      const { store } = await open();

      await expect(store.load(name)).rejects.toThrow(RangeError);
      await expect(store.save(name, "{}")).rejects.toThrow(RangeError);
    },
  );

  it("keeps one whole text of those that are saved at once", async () => {
    const { store, again } = await open();
    const texts = Array.from({ length: 8 }, (_value, index) => JSON.stringify(`${index}`.repeat(2000 + index)));

    await Promise.all(texts.map((text, index) => (index % 2 === 0 ? store : again).save("entry", text)));

    expect(texts).toContain(await store.load("entry"));
  });

  it("says what it is without a secret", async () => {
    const { store } = await open();

    expect(store.description).toMatch(/^(directory \/\S+|key vault https:\/\/\S+|memory)$/);
  });

  it("shows nothing of the content in an error", async () => {
    const { store } = await open();
    const text = `{"key":"very-secret${"x".repeat(20 * KIBIBYTE)}"}`;

    const error = await store.save("entry", text).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(StoreError);
    expect(everythingIn(error)).not.toContain("very-secret");
  });
});

/** The texts of an error and of its causes, with all properties, enumerable or not. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const properties = Object.getOwnPropertyNames(error).map((name) => JSON.stringify(Reflect.get(error, name)));
  return [String(error), ...properties, everythingIn(error.cause)].join("\n");
}
