import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import type { ConfigInput } from "../../relay/config/read-options.ts";
import { renderConfig } from "../../relay/config/render.ts";
import { testKey } from "../support/tokens.ts";

function load(env: ConfigInput["env"]): ReturnType<typeof loadConfig> {
  return loadConfig({ flags: {}, env });
}

it("takes keys as JSON or PEM in a variable, and shows nothing of them", async () => {
  const { signing, verifying } = await testKey("HS256");
  const set = JSON.stringify({ keys: [verifying] });

  const loaded = load({ AUTH: "tokens", AUTH_KEY_SET: ` ${set}\n` });

  expect(loaded.config.authKeySet).toBe(set);
  expect(renderConfig(loaded)).toMatch(/^AUTH_KEY_SET +\(set\) {2}\(variable\)$/m);
  expect(renderConfig(loaded)).not.toContain(String(signing.k));
  expect(load({ AUTH_KEY_SET: "-----BEGIN PUBLIC KEY-----\nAA" }).config.authKeySet).toContain("AA");
});

it("shows nothing of keys that are not what it takes", () => {
  expect(() => load({ AUTH_KEY_SET: "c2VjcmV0" })).toThrow(
    "variable AUTH_KEY_SET is not what it takes: JSON Web Keys, or PEM",
  );
  expect(() => load({ AUTH_KEY_SET: "c2VjcmV0" })).not.toThrow("c2VjcmV0");
  expect(() => load({ AUTH_KEY_SET: `{${"x".repeat(65_536)}` })).toThrow("AUTH_KEY_SET is not what it takes");
});

it.each([
  [{}, "0 of AUTH_KEYS_FILE"],
  [{ AUTH_KEYS_FILE: "k", AUTH_KEY_SET: "{}" }, "2 of AUTH_KEYS_FILE"],
  [{ AUTH_KEYS_FILE: "k", AUTH_JWKS_REFRESH_MS: "5000", AUTH_JWKS_MAX_AGE_MS: "4999" }, "above AUTH_JWKS_MAX_AGE_MS"],
])("does not take AUTH=tokens with %j", (env, why) => {
  expect(() => load({ AUTH: "tokens", ...env })).toThrow(why);
  expect(load(env).config.auth).toBe("open");
});

it.each([
  "http://issuer.example/keys",
  "https://user:secret@issuer.example/keys",
  "file:///etc/keys",
  "issuer.example",
])("takes keys from no such address: %s", (url) => {
  expect(() => load({ AUTH: "tokens", AUTH_JWKS_URL: url })).toThrow("an https URL");
});
