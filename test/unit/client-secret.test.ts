import { describe, expect, it, onTestFinished, vi } from "vitest";
import { newSecret, secretBytes, secretFromPassphrase } from "../../client/sealing/secret.ts";
import { topicIdOf } from "../../client/sealing/topic-id.ts";

const SALT = "the salt of this group";

describe("a secret", () => {
  it("has 256 bits when it is new, and is another each time", () => {
    const [one, other] = [newSecret(), newSecret()];

    expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secretBytes(one)).toHaveLength(32);
    expect(other).not.toBe(one);
  });

  it("may be bytes of 128 bits or more", () => {
    expect(secretBytes(new Uint8Array(16))).toHaveLength(16);
    expect(secretBytes(new Uint8Array(64))).toHaveLength(64);
  });

  it.each([
    ["", "0 bits, and the least is 128"],
    ["AAAAAAAAAAAAAAAAAAAA", "120 bits, and the least is 128"],
    [new Uint8Array(12), "96 bits, and the least is 128"],
    ["correct horse battery staple", "it is no base64url"],
    ["A", "it is no base64url"],
    [`${"A".repeat(43)}\n`, "it is no base64url"],
  ])("%j is refused, with the reason", (secret, reason) => {
    expect(() => secretBytes(secret)).toThrow(expect.objectContaining({ code: "secret-invalid" }));
    expect(() => secretBytes(secret)).toThrow(reason);
  });

  it("is in no error text", () => {
    expect(() => secretBytes("correct horse battery staple")).toThrow(/^(?!.*horse)/);
  });

  it("names a topic that differs by its name, and tells nothing of it", async () => {
    const secret = newSecret();

    const ids = await Promise.all([topicIdOf(secret), topicIdOf(secret, { name: "a" }), topicIdOf(newSecret())]);

    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await topicIdOf(secretBytes(secret))).toBe(ids[0]);
  });
});

describe("a passphrase", () => {
  it("gives the same secret to all who have it and the salt, however their keyboard writes it", async () => {
    const secret = await secretFromPassphrase("caf\u00e9 au lait", { salt: SALT });

    expect(secretBytes(secret)).toHaveLength(32);
    expect(await secretFromPassphrase("cafe\u0301 au lait", { salt: SALT })).toBe(secret);
    expect(await secretFromPassphrase("caf\u00e9 au lait", { salt: `${SALT}!` })).not.toBe(secret);
  });

  it.each([
    ["", { salt: SALT }, "empty"],
    ["words", { salt: "short" }, "the salt has 5 bytes, and the least is 8"],
    ["words", { salt: SALT, iterations: 1000 }, "iterations: 600000"],
    ["words", { salt: SALT, iterations: 600_000.5 }, "iterations: 600000"],
  ])("%j with %j is refused", async (passphrase, options, reason) => {
    await expect(secretFromPassphrase(passphrase, options)).rejects.toThrow(reason);
  });

  it("is refused with a word in a page that came over http", async () => {
    vi.stubGlobal("crypto", {});
    onTestFinished(() => void vi.unstubAllGlobals());

    await expect(secretFromPassphrase("words", { salt: SALT })).rejects.toMatchObject({ code: "no-cryptography" });
  });
});
