import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { KeyVaultStore } from "../../relay/tls/store/key-vault-store.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKeyVault } from "../support/fake-key-vault.ts";
import { Run } from "../support/process.ts";

const ENTRY = "relay-cert-0a";
const SECRET = "very-secret";
const TEXT = `{"key":"${SECRET}"}`;
const EXPIRES_AT_MS = 1_900_000_000_000;

type Parts = { readonly vault: FakeKeyVault; readonly store: KeyVaultStore; readonly clock: FakeClock };

/** A store whose time limit passes only when told. */
async function open(clientId: string = randomBytes(8).toString("hex")): Promise<Parts> {
  const vault = await FakeKeyVault.start();
  const clock = new FakeClock();
  const store = new KeyVaultStore({ vaultUrl: vault.url, clientId }, { clock, emulator: { ca: vault.ca } });
  return { vault, store, clock };
}

/** What a promise is rejected with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error,
  );
}

it("asks for a token of the user-assigned identity that it was given, for the vault and nothing else", async () => {
  const { vault, store } = await open("0b0a42b0-client-id");

  await store.load(ENTRY);

  expect(vault.identity.requests).toEqual([{ clientId: "0b0a42b0-client-id", resource: "https://vault.azure.net" }]);
});

it("asks for a token of the system-assigned identity where it was given none", async () => {
  const { vault, store } = await open("");

  await store.load(ENTRY);

  expect(vault.identity.requests).toEqual([{ clientId: null, resource: "https://vault.azure.net" }]);
});

it("saves a secret that says what it is and when it expires, and sends it only with a token", async () => {
  const { vault, store } = await open();

  await store.save(ENTRY, TEXT, { expiresAtMs: EXPIRES_AT_MS });

  const [version] = vault.versionsOf(ENTRY);
  expect(version).toMatchObject({ value: TEXT, contentType: "application/json", attributes: { exp: 1_900_000_000 } });
  expect(vault.seen.filter(({ isAuthorized, byteCount }) => !isAuthorized && byteCount > 0)).toEqual([]);
  expect(vault.seen.every(({ path }) => !path.includes(SECRET))).toBe(true);
});

it("waits for a token endpoint that comes up after the container", async () => {
  const { vault, store } = await open();
  vault.identity.faults.push(404);

  await store.save(ENTRY, TEXT);

  expect(vault.identity.requests.length).toBe(2);
  expect(vault.versionsOf(ENTRY).length).toBe(1);
});

it("tells of an identity that is not there with store-unreachable", async () => {
  const { vault, store } = await open();
  vault.identity.faults.push(400);

  const error = await errorOf(store.load(ENTRY));

  expect(error).toMatchObject({ code: "store-unreachable", message: expect.stringContaining("managed identity") });
});

it("tells of a missing role with store-denied, names the role, and works once it is there", async () => {
  const { vault, store } = await open();
  vault.forbidden.add("setSecret");

  const error = await errorOf(store.save(ENTRY, TEXT));
  vault.forbidden.clear();
  await store.save(ENTRY, TEXT);

  expect(error).toMatchObject({
    code: "store-denied",
    message: expect.stringMatching(/Key Vault Secrets Officer.*403 ForbiddenByRbac/),
  });
  for (const named of [vault.url, ENTRY]) expect(error).toHaveProperty("message", expect.stringContaining(named));
  expect(await store.load(ENTRY)).toBe(TEXT);
});

it.each([
  [{ status: 403, code: "Forbidden", innerCode: "ForbiddenByFirewall" }, "store-denied", "firewall"],
  [{ status: 403, code: "Forbidden", innerCode: "SecretDisabled" }, "store-denied", "Enable its latest version"],
  [{ status: 403 }, "store-denied", "Key Vault Secrets Officer"],
  [{ status: 401, code: "Unauthorized" }, "store-denied", "tenant"],
  [{ status: 429 }, "store-unreachable", "throttles"],
  [{ status: 404, code: "NotFound" }, "store-unreachable", "404 NotFound"],
  [{ status: 400, code: "Bad\nParameter" }, "store-unreachable", "the vault answered 400"],
])("tells of an answer %j with %s, and how to go on", async (fault, code, words) => {
  const { vault, store } = await open();
  vault.faults.push(fault);

  const error = await errorOf(store.load(ENTRY));

  expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
  expect(String(error)).not.toMatch(/\n|undefined|appid/);
});

it("tells of a secret that was deleted and not purged with store-denied, and how to go on", async () => {
  const { vault, store } = await open();
  await store.save(ENTRY, TEXT);
  vault.delete(ENTRY);

  const error = await errorOf(store.save(ENTRY, TEXT));

  expect(await store.load(ENTRY)).toBeUndefined();
  expect(error).toMatchObject({ code: "store-denied", message: expect.stringMatching(/recover or purge/i) });
});

it("waits as long as a vault that throttles asks it to", async () => {
  const { vault, store } = await open();
  vault.faults.push({ status: 429, headers: { "retry-after": "1" } });
  const startMs = performance.now();

  await store.save(ENTRY, TEXT);

  expect(performance.now() - startMs).toBeGreaterThanOrEqual(990);
  expect(vault.versionsOf(ENTRY).length).toBe(1);
});

it("gives up a vault that does not answer after 15 s, with store-unreachable, and tries afresh the next time", async () => {
  const { vault, store, clock } = await open();
  vault.isSilent = true;
  let isOver = false;
  const outcome = errorOf(store.load(ENTRY)).finally(() => {
    isOver = true;
  });
  await eventually(() => expect(vault.seen.length).toBe(1));

  clock.advance(14_999);
  await new Promise(setImmediate);
  const wasOverEarly = isOver;
  clock.advance(1);
  const error = await outcome;
  await eventually(() => expect(vault.waitingCount).toBe(0));
  vault.isSilent = false;

  expect(wasOverEarly).toBe(false);
  expect(error).toMatchObject({ code: "store-unreachable", message: expect.stringContaining("within 15 s") });
  expect(await store.load(ENTRY)).toBeUndefined();
});

it("gives up a token endpoint that does not answer after 15 s, and tries afresh the next time", async () => {
  const { vault, store, clock } = await open();
  vault.identity.isSilent = true;
  const outcome = errorOf(store.load(ENTRY));
  await eventually(() => expect(vault.identity.requests.length).toBe(1));

  clock.advance(15_000);
  const error = await outcome;
  vault.identity.isSilent = false;

  expect(error).toMatchObject({ code: "store-unreachable" });
  expect(await store.load(ENTRY)).toBeUndefined();
});

it("believes no vault whose certificate the system does not trust, and gives it no token", async () => {
  const { vault } = await open();
  const store = new KeyVaultStore({ vaultUrl: vault.url, clientId: randomBytes(8).toString("hex") });

  const error = await errorOf(store.save(ENTRY, TEXT));

  expect(error).toMatchObject({ code: "store-unreachable", message: expect.stringMatching(/SELF_SIGNED|VERIFY/) });
  expect(vault.seen).toEqual([]);
  expect(vault.identity.requests).toEqual([]);
});

it("disables the versions before the last two, so that old keys cannot be read", async () => {
  const { vault, store } = await open();
  vault.putVersions(ENTRY, [1_700_000_003, 1_700_000_001, 1_700_000_002]);

  await store.save(ENTRY, TEXT, { expiresAtMs: EXPIRES_AT_MS });

  const enabled = vault.versionsOf(ENTRY).filter(({ attributes }) => attributes.enabled);
  expect(enabled.map(({ attributes }) => attributes.created)).toEqual([1_700_000_003, expect.any(Number)]);
  expect(await store.load(ENTRY)).toBe(TEXT);
});

it("does not look for old versions of an entry that does not expire", async () => {
  const { vault, store } = await open();
  vault.putVersions(ENTRY, [1_700_000_001, 1_700_000_002, 1_700_000_003]);

  await store.save(ENTRY, TEXT);

  expect(vault.versionsOf(ENTRY).every(({ attributes }) => attributes.enabled)).toBe(true);
});

it.each(["readMetadata", "update"] as const)(
  "saves without the right to %s, and leaves old versions",
  async (action) => {
    const { vault, store } = await open();
    vault.putVersions(ENTRY, [1_700_000_001, 1_700_000_002, 1_700_000_003]);
    vault.forbidden.add(action);

    await store.save(ENTRY, TEXT, { expiresAtMs: EXPIRES_AT_MS });

    expect(await store.load(ENTRY)).toBe(TEXT);
  },
);

it("keeps the secret and the token out of every error", async () => {
  const { vault, store, clock } = await open();
  await store.load(ENTRY);
  const errors: unknown[] = [];
  for (const status of [400, 401, 403, 409, 429]) {
    vault.faults.push({ status, code: SECRET, innerCode: `${SECRET} word` });
    errors.push(await errorOf(store.save(ENTRY, TEXT)));
  }
  const requestCount = vault.seen.length;
  vault.isSilent = true;
  const outcome = errorOf(store.save(ENTRY, TEXT));
  await eventually(() => expect(vault.seen.length).toBeGreaterThan(requestCount));
  clock.advance(15_000);
  errors.push(await outcome);

  for (const error of errors) {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).cause).toBeUndefined();
    expect(Object.getOwnPropertyNames(error).toSorted()).toEqual(["code", "message", "name", "stack"]);
    expect(String(error)).not.toMatch(/Bearer|"key"/);
  }
});

it("loads the Azure SDK with the first call, and keeps it silent whatever its variables say", async () => {
  const { vault } = await open();
  const run = new Run(["test/fixtures/key-vault-load.js", vault.url, vault.ca], {
    env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: vault.identity.url, AZURE_LOG_LEVEL: "verbose" },
  });

  await run.exitCode();

  expect(run.stderr).toBe("");
  expect(JSON.parse(run.stdout)).toEqual({ before: false, text: null, after: true });
});
