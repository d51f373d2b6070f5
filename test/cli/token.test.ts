import { EventEmitter } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { collector } from "../support/relay.ts";
import { testKey, token, writeTemporary } from "../support/tokens.ts";

type Outcome = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

async function postern(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exitCode = await run(["token", ...argv], {
    env,
    stdout: collector(stdout),
    stderr: collector(stderr),
    signals: new EventEmitter(),
  });
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** A folder of this test's own. */
function folder(): string {
  return dirname(writeTemporary("placeholder", ""));
}

async function keygen(algorithm: string): Promise<{ readonly keyFile: string; readonly relayKeys: string }> {
  const keyFile = join(folder(), "signing.jwk");
  const { stdout } = await postern(["keygen", "--algorithm", algorithm, "--out", keyFile]);
  return { keyFile, relayKeys: stdout === "" ? readFileSync(keyFile, "utf8") : stdout };
}

describe("keygen, new and inspect together", () => {
  it.each(["EdDSA", "ES256", "HS256", "eddsa"])("make and accept a token of %s", async (algorithm) => {
    const { keyFile, relayKeys } = await keygen(algorithm);
    const made = await postern(["new", "--key", keyFile, "--subject", "alice", "--topic", "room-*", "lobby"]);

    const inspected = await postern(["inspect", made.stdout.trim()], { AUTH_KEY_SET: relayKeys });

    expect(made.exitCode).toBe(0);
    expect(inspected.exitCode).toBe(0);
    expect(inspected.stdout).toMatch(/^subject +alice$/m);
    expect(inspected.stdout).toMatch(/^topics +room-\*, lobby$/m);
    expect(inspected.stdout).toMatch(/^verbs +join, publish$/m);
    expect(inspected.stdout).toMatch(/^expires +\d{4}-\d\d-\d\d \d\d:\d\d UTC, in 60 min$/m);
    expect(inspected.stdout).toMatch(/^verdict +a relay with these options would accept it$/m);
  });

  it("carry every claim, and say the same as JSON", async () => {
    const { keyFile, relayKeys } = await keygen("ES256");
    const claims = ["--verb", "join", "--lifetime", "30d", "--issuer", "i", "--audience", "a", "--rate-class", "bulk"];
    const made = await postern([
      "new",
      "--key",
      keyFile,
      "--subject",
      "alice",
      "--topic",
      "t",
      ...claims,
      "--max-connections",
      "3",
      "--json",
    ]);
    const { token: text, expires_at: expiresAt } = JSON.parse(made.stdout) as { token: string; expires_at: number };

    const inspected = await postern(["inspect", text, "--json", "--auth-issuer", "i"], { AUTH_KEY_SET: relayKeys });

    expect(JSON.parse(inspected.stdout)).toEqual({
      header: { alg: "ES256", typ: "JWT", kid: expect.any(String) },
      claims: {
        sub: "alice",
        jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
        iat: expiresAt - 30 * 86_400,
        exp: expiresAt,
        iss: "i",
        aud: "a",
        topics: ["t"],
        verbs: ["join"],
        rateClass: "bulk",
        maxConnections: 3,
      },
      verdict: "accepted",
    });
  });
});

describe("keygen", () => {
  it.each(["EdDSA", "ES256"])(
    "writes a private key of %s that only its user may read, and prints the public part",
    async (algorithm) => {
      const keyFile = join(folder(), "signing.jwk");

      const { stdout, stderr } = await postern(["keygen", "--algorithm", algorithm, "--out", keyFile]);

      const signing = JSON.parse(readFileSync(keyFile, "utf8")) as { readonly d: string };
      expect(statSync(keyFile).mode & 0o777).toBe(0o600);
      expect(JSON.parse(stdout)).toMatchObject({ alg: algorithm, use: "sig", x: expect.any(String) });
      expect(JSON.parse(stdout)).not.toHaveProperty("d");
      expect(stdout + stderr).not.toContain(signing.d);
    },
  );

  it("prints nothing of a secret, in both forms", async () => {
    const files = [join(folder(), "a"), join(folder(), "b")];

    const outcomes = [
      await postern(["keygen", "--algorithm", "HS256", "--out", files[0] ?? ""]),
      await postern(["keygen", "--algorithm", "HS256", "--out", files[1] ?? "", "--json"]),
    ];

    expect(JSON.parse(outcomes[1]?.stdout ?? "")).toEqual({
      algorithm: "HS256",
      key_id: expect.any(String),
      file: files[1],
    });
    for (const [index, { stdout, stderr }] of outcomes.entries()) {
      const { k } = JSON.parse(readFileSync(files[index] ?? "", "utf8")) as { readonly k: string };
      expect(Buffer.from(k, "base64url")).toHaveLength(32);
      expect(stdout + stderr).not.toContain(k);
    }
  });

  it("writes over nothing that is there", async () => {
    const path = writeTemporary("signing.jwk", "a key that is in use");

    const { exitCode, stderr } = await postern(["keygen", "--out", path]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("EEXIST");
    expect(readFileSync(path, "utf8")).toBe("a key that is in use");
  });

  it("refuses other algorithms", async () => {
    const { exitCode, stderr } = await postern(["keygen", "--algorithm", "RS256", "--out", join(folder(), "k")]);

    expect(exitCode).toBe(2);
    expect(stderr).toBe("postern: flag --algorithm takes EdDSA, ES256, HS256\n");
  });
});

describe("new", () => {
  it.each([
    ["--subject", ["--subject", ""]],
    ["--topic", ["--topic", "sha256:12"]],
    ["--verb", ["--verb", "administer"]],
    ["--lifetime", ["--lifetime", "0s"]],
    ["--lifetime", ["--lifetime", "10"]],
    ["--lifetime", ["--lifetime", "4000d"]],
    ["--rate-class", ["--rate-class", "Bulk!"]],
    ["--max-connections", ["--max-connections", "none"]],
    ["--topic", ["--topic", ...Array.from({ length: 100 }, (_, index) => `${"x".repeat(100)}${index}`)]],
  ])("refuses a %s that no relay would take, and names it", async (flag, changes) => {
    const { keyFile } = await keygen("EdDSA");

    const { exitCode, stdout, stderr } = await postern([
      "new",
      "--key",
      keyFile,
      "--subject",
      "a",
      "--topic",
      "t",
      ...changes,
    ]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(`flag ${flag} takes`);
  });

  it("refuses what cannot sign, and shows nothing of it", async () => {
    const { verifying, signing } = await testKey();
    const files = [JSON.stringify(verifying), "{}", "nonsense", JSON.stringify({ ...signing, d: "secret-part" })];

    for (const text of files) {
      const path = writeTemporary("key", text);
      const { exitCode, stderr } = await postern(["new", "--key", path, "--subject", "a", "--topic", "t"]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^postern: the key (is no JSON Web Key|cannot sign)/);
      expect(stderr).not.toContain("secret-part");
    }
  });
});

describe("inspect", () => {
  it("tells why a relay would refuse a token, and exits with 4", async () => {
    const { verifying } = await testKey();
    const env = { AUTH_KEY_SET: JSON.stringify(verifying) };
    const revoked = writeTemporary("revoked", "subject alice\n");
    const good = await token();

    const outcomes = [
      await postern(["inspect", await token({ claims: { exp: 1_700_000_000 } })], env),
      await postern(["inspect", good, "--auth-audience", "another"], env),
      await postern(["inspect", good], { ...env, AUTH_REVOCATIONS_FILE: revoked }),
      await postern(["inspect", good], { AUTH_KEY_SET: JSON.stringify((await testKey("ES256")).verifying) }),
      await postern(["inspect", "nonsense"]),
    ];

    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([4, 4, 4, 4, 4]);
    expect(outcomes.map(({ stdout }) => /^verdict +refused: ([a-z-]+)/m.exec(stdout)?.[1])).toEqual([
      "expired",
      "wrong-audience",
      "revoked",
      "unknown-key",
      "malformed",
    ]);
  });

  it("says that nothing was checked where no keys are set", async () => {
    const { exitCode, stdout } = await postern(["inspect", await token()]);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^verdict +not checked: no keys are set/m);
  });

  it("reads the token from a file, and wants one", async () => {
    const path = writeTemporary("token", "");
    writeFileSync(path, `${await token()}\n`);

    expect((await postern(["inspect", "--file", path])).stdout).toMatch(/^subject +alice$/m);
    expect((await postern(["inspect"])).exitCode).toBe(2);
  });

  it("lets nothing in a token reach the terminal as more than text", async () => {
    const forged = "a\u001b[31mb\nverdict          a relay would accept it\u009b2J\u202e";

    const { stdout } = await postern([
      "inspect",
      await token({ claims: { sub: forged, topics: [forged], aud: { [forged]: 1 } } }),
    ]);

    expect(stdout).toContain("a\\u{1b}[31mb\\u{a}verdict");
    expect(stdout.replaceAll("\n", "").match(/\p{C}/gu)).toBeNull();
    expect(stdout.match(/^verdict/gm)).toHaveLength(1);
  });
});
