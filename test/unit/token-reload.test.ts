import { writeFileSync } from "node:fs";
import { pino } from "pino";
import { expect, it } from "vitest";
import { createAuthority } from "../../relay/auth/create-authority.ts";
import { loadConfig } from "../../relay/config/load.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { testKey, token, tokenOptions, writeTemporary } from "../support/tokens.ts";

async function keyText(algorithm: "EdDSA" | "ES256"): Promise<string> {
  return JSON.stringify((await testKey(algorithm)).verifying);
}

it("ends revoked connections before keys are fetched, which may be far away", async () => {
  const [revoked, keys] = [writeTemporary("revoked", ""), writeTemporary("keys", await keyText("EdDSA"))];
  const clock = new FakeClock();
  const authority = createAuthority(
    { clock, log: pino({ level: "silent" }) },
    {
      ...loadConfig({ flags: {}, env: {} }).config,
      ...(await tokenOptions()),
      authKeySet: "",
      authKeysFile: keys,
      authRevocationsFile: revoked,
    },
  );
  await authority.start();
  const exp = clock.epochMs() / 1000 + 60;
  const admit = async (sub: string) =>
    authority.admit({ authorization: `Bearer ${await token({ claims: { sub, exp } })}` });
  const alice = await admit("alice");
  const bob = `Bearer ${await token({ claims: { sub: "bob", exp } })}`;
  let meanwhile: unknown;
  if ("access" in alice) alice.access.whenEnded(() => void (meanwhile = authority.admit({ authorization: bob })));

  writeFileSync(keys, await keyText("ES256"));
  writeFileSync(revoked, "subject alice\n");
  await authority.reload();

  // Taken by the old key, which counts until the new one is there.
  expect(await meanwhile).toHaveProperty("access");
  expect(await admit("carol")).toHaveProperty("refusal");
});
