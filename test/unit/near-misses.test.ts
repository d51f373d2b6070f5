import { describe, expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";

const warningsOf = (env: Record<string, string>) => loadConfig({ env, flags: {} }).warnings;

describe("names the option that was meant", () => {
  it.each([
    ["MAX_CONECTIONS", "MAX_CONNECTIONS"],
    ["MAX_CONNECTION", "MAX_CONNECTIONS"],
    ["max_connections", "MAX_CONNECTIONS"],
    ["MAXCONNECTIONS", "MAX_CONNECTIONS"],
    ["MAX-CONNECTIONS", "MAX_CONNECTIONS"],
    ["POSTERN_LOG_LEVEL", "LOG_LEVEL"],
    ["LOG_LEVLE", "LOG_LEVEL"],
    ["DOMIAN", "DOMAIN"],
    ["DOMAINS", "DOMAIN"],
    ["PROT", "PORT"],
    ["TSL", "TLS"],
    ["AUTH_KEYSET", "AUTH_KEY_SET"],
    ["RATE_LIMIT_PER_MINS", "RATE_LIMIT_PER_MIN"],
    ["ENABLE_TSL", "ENABLE_TLS"],
  ])("for %s", (variable, meant) => {
    expect(warningsOf({ [variable]: "1" })).toEqual([`variable "${variable}" is no option: did you mean ${meant}?`]);
  });
});

it("says nothing of what an environment is full of", () => {
  const names =
    "PATH HOME USER SHELL LANG TERM PWD OLDPWD SHLVL LOGNAME MAIL HOSTNAME HOSTTYPE DISPLAY EDITOR TZ TMPDIR LC_ALL CI DEBUG " +
    "NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_VERSION HTTPS_PROXY NO_PROXY INVOCATION_ID JOURNAL_STREAM CACHE_DIRECTORY " +
    "LOGS_DIRECTORY RUNTIME_DIRECTORY AZURE_TENANT_ID AZURE_CLIENT_SECRET KUBERNETES_PORT KUBERNETES_SERVICE_HOST " +
    "POSTERN_PORT POSTERN_SERVICE_PORT POSTERN_SERVICE_HOST POSTERN_PORT_443_TCP POSTERN_PORT_443_TCP_PORT POSTGRES_PORT " +
    "TLS_CA_FILE PORTS HOSTS POST AUTHOR AUTH0 MAILTO ADMIN_USER";
  const env = Object.fromEntries(names.split(" ").map((name) => [name, "1"]));

  expect(warningsOf(env)).toEqual([]);
});

it("says nothing of a variable that is empty, nor of one that is an option", () => {
  expect(
    warningsOf({ MAX_CONECTIONS: " ", MAX_CONNECTIONS: "5", RATE_LIMIT_PER_MIN: "5", ENABLE_TLS: "false" }),
  ).toEqual([]);
});

it("names it among what is wrong, where something is", () => {
  expect(() => warningsOf({ TLS: "acme", DOMIAN: "relay.example.com" })).toThrow(
    /TLS is acme and there is no name for the certificate; .*\nvariable "DOMIAN" is no option: did you mean DOMAIN\?$/,
  );
});
