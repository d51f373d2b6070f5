import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";

const MAILBOX = { DIALECTS: "mailbox", MAILBOX_STORE: "sqlite" };

/** Where a mailbox relay with these variables listens besides. */
function listen(more: object): readonly string[] {
  return loadConfig({ flags: {}, env: { ...MAILBOX, ...more } }).config.listen;
}

function loadKey(key: string): void {
  loadConfig({ flags: {}, env: { ...MAILBOX, MAILBOX_NOISE_KEY: key } });
}

it("reads the variables of the original, in its units, where the mailbox dialect is on", () => {
  const { config } = loadConfig({
    flags: {},
    env: {
      DIALECTS: "topic,mailbox",
      RELAY_STORAGE_BACKEND: "sqlite",
      RELAY_DATA_DIR: "/data",
      RELAY_BLOB_TTL_DAYS: "30",
      RELAY_RATE_LIMIT_PER_MIN: "7",
      RELAY_CLEANUP_INTERVAL_SECS: "60",
      RELAY_IDLE_TIMEOUT: "120",
      RELAY_MAX_MESSAGE_SIZE: "4096",
      RELAY_MAX_BLOBS_PER_USER: "0",
      RELAY_MAX_STORAGE_PER_USER: "5",
      RELAY_RECOVERY_RATE_LIMIT: "3",
      RELAY_MAX_CONNECTIONS: "1000",
      RELAY_LISTEN_ADDR: "127.0.0.1:8080",
      RELAY_REQUIRE_NOISE_ENCRYPTION: "true",
    },
  });

  expect(config).toMatchObject({
    mailboxStore: "sqlite",
    mailboxDirectory: "/data",
    mailboxTtlMs: 30 * 86_400_000,
    mailboxMessagesPerMinute: 7,
    mailboxExpiryIntervalMs: 60_000,
    mailboxIdleTimeoutMs: 120_000,
    mailboxMaxMessageBytes: 4096,
    mailboxMaxMessagesPerMailbox: 0,
    mailboxMaxBytesPerMailbox: 5,
    mailboxRecoveriesPerMinute: 3,
    maxConnections: 1000,
    mailboxRequireNoise: true,
    listen: ["ws:8080=mailbox"],
  });
});

it("has the name of the code before that of the docs, and the relay's own before both", () => {
  const both = { ...MAILBOX, RELAY_BLOB_TTL_SECS: "60", RELAY_BLOB_TTL_DAYS: "90" };

  expect(loadConfig({ flags: {}, env: both }).config.mailboxTtlMs).toBe(60_000);
  expect(loadConfig({ flags: {}, env: { ...both, MAILBOX_TTL_MS: "5000" } }).config.mailboxTtlMs).toBe(5000);
  expect(loadConfig({ flags: { mailboxTtlMs: "6000" }, env: both }).config.mailboxTtlMs).toBe(6000);
});

it("listens for others only where it is said that something in front has TLS, as the original does", () => {
  expect(listen({ RELAY_LISTEN_ADDR: "[::1]:81" })).toEqual(["ws:81=mailbox"]);
  expect(listen({ RELAY_LISTEN_ADDR: "0.0.0.0:8080", RELAY_TLS_VERIFIED: "1" })).toEqual(["ws-anywhere:8080=mailbox"]);
  expect(() => listen({ RELAY_LISTEN_ADDR: "0.0.0.0:8080" })).toThrow("RELAY_TLS_VERIFIED is not true");
  expect(() => listen({ RELAY_LISTEN_ADDR: "nowhere" })).toThrow("RELAY_LISTEN_ADDR is no address");
});

it("names the variable that cannot be read", () => {
  expect(() => loadConfig({ flags: {}, env: { ...MAILBOX, RELAY_IDLE_TIMEOUT: "5m" } })).toThrow(
    "variable RELAY_IDLE_TIMEOUT is no whole number",
  );
});

it("has any other store of the original as memory, and none of its variables without the dialect", () => {
  const env = { DIALECTS: "mailbox", RELAY_STORAGE_BACKEND: "memory" };

  expect(loadConfig({ flags: {}, env }).config.mailboxStore).toBe("memory");
  expect(loadConfig({ flags: {}, env: { RELAY_DATA_DIR: "/data", RELAY_IDLE_TIMEOUT: "x" } })).toMatchObject({
    config: { mailboxDirectory: "" },
    warnings: [],
  });
});

it("wants a store for the mailbox dialect, and says how to have one", () => {
  for (const env of [{ DIALECTS: "mailbox" }, { LISTEN: "wss:8444=mailbox" }])
    expect(() => loadConfig({ flags: {}, env })).toThrow("MAILBOX_STORE is off; set it to sqlite");
});

it("wants a key for Noise that is one, and shows it to nobody", () => {
  expect(() => loadKey("A".repeat(42))).toThrow("MAILBOX_NOISE_KEY is no key of 32 bytes");
  expect(() => loadKey("A".repeat(42))).not.toThrow("AAAAAAAA");
  loadKey("a1".repeat(32));
  loadKey("A".repeat(43));
});
