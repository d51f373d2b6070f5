import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Evidence, interceptionOf } from "../../client/node/interception.ts";
import { InterceptionWatch } from "../../client/node/interception-watch.ts";
import { RelaysFile, RememberedRelays } from "../../client/node/known-relays.ts";
import { publishedKeys, type ResolveTxt } from "../../client/node/relay-key.ts";
import { attest, newOwnKey } from "../support/attested.ts";
import { makeFolder } from "../support/certificate-files.ts";

const SHOWN = "AB:".repeat(31) + "AB";
const OTHER = "CD:".repeat(31) + "CD";
const URL_OF_RELAY = new URL("wss://relay.test");
const HOST = "relay.test";

const PLAIN: Evidence = {
  issuer: "Some Authority",
  fingerprint256: SHOWN,
  isPinned: false,
  attested: undefined,
  known: undefined,
};
const attested = (...fingerprints: string[]) => ({ publicKey: "K", fingerprints });
const known = (key: string) => ({ source: "dns", keys: ["older", key] }) as const;

it.each<[string, Partial<Evidence>, object]>([
  ["the certificate is pinned", { isPinned: true, attested: attested(OTHER) }, { intercepted: "no" }],
  ["the known key names this one", { attested: attested(OTHER, SHOWN), known: known("K") }, { provedBy: "dns" }],
  ["the known key names another", { attested: attested(OTHER), known: known("K") }, { sign: "other-certificate" }],
  ["an unknown key names another", { attested: attested(OTHER) }, { sign: "other-certificate" }],
  ["an unknown key names this one", { attested: attested(SHOWN) }, { because: "unknown-key" }],
  [
    "another key than the known names this one",
    { attested: attested(SHOWN), known: known("X") },
    { because: "other-key" },
  ],
  ["nothing is said", {}, { because: "no-attestation" }],
  ["nothing is said, and a key is known", { known: known("K") }, { because: "no-attestation" }],
  ["a product has issued it", { issuer: "Zscaler Root CA" }, { sign: "vendor", vendor: "Zscaler" }],
  [
    "a product's name, and the known key names it",
    { issuer: "Sophos", attested: attested(SHOWN), known: known("K") },
    { intercepted: "no" },
  ],
])("judges: %s", (_, evidence, expected) => {
  expect(interceptionOf({ ...PLAIN, ...evidence })).toMatchObject(expected);
});

it("reads the keys of TXT records, whole or in parts, and passes over all else", async () => {
  const [first, second] = ["A".repeat(43), "B".repeat(43)];
  const asked: string[] = [];
  const resolveTxt: ResolveTxt = async (name) => {
    asked.push(name);
    return [["v=spf1 -all"], [`key=${first}`], ["key=", second], ["key=short"], []];
  };

  expect(await publishedKeys("relay.test", resolveTxt)).toEqual([first, second]);
  expect(await publishedKeys("192.0.2.1", resolveTxt)).toEqual([]);
  expect(await publishedKeys("[2001:db8::1]", resolveTxt)).toEqual([]);
  expect(asked).toEqual(["_postern.relay.test"]);
  expect(await publishedKeys("relay.test", () => Promise.reject(new Error("ENOTFOUND")))).toEqual([]);
});

it("takes no more keys from the DNS than a rotation has", async () => {
  const records = Array.from({ length: 1000 }, (_, index) => [`key=${String(index).padStart(43, "A")}`]);

  expect(await publishedKeys("relay.test", async () => records)).toHaveLength(8);
});

it("knows a relay by the DNS where the app wants that, and asks it once an hour", async () => {
  const key = newOwnKey();
  let nowMs = 1_800_000_000_000;
  let questionCount = 0;
  const resolveTxt: ResolveTxt = async () => {
    questionCount += 1;
    return questionCount === 1 ? Promise.reject(new Error("ESERVFAIL")) : [[`key=${key.publicText}`]];
  };
  const parts = {
    epochMs: () => nowMs,
    knownRelays: new RememberedRelays(),
    onIntercept: "reject" as const,
    isPinned: false,
  };
  const watch = new InterceptionWatch({ ...parts, relayKey: "dns", resolveTxt });
  const shown = { issuer: "Some Authority", fingerprint256: SHOWN };
  const attestation = attest(key, [SHOWN], nowMs + 86_400_000).toString("base64url");

  // Where the DNS fails nothing is known, and the next connection asks again.
  await watch.prepare(URL_OF_RELAY);
  expect(watch.judge(HOST, { ...shown, attestation: undefined })).toBeUndefined();
  for (const laterMs of [0, 3_599_999, 1]) {
    nowMs += laterMs;
    await watch.prepare(URL_OF_RELAY);
  }

  expect(questionCount).toBe(3);
  expect(watch.judge(HOST, { ...shown, attestation })).toBeUndefined();
  expect(watch.infoOf(HOST, shown)).toEqual({ intercepted: "no", vendor: undefined, provedBy: "dns" });
  // What is said of one certificate is not said of another.
  expect(watch.infoOf(HOST, { ...shown, fingerprint256: OTHER }).intercepted).toBe("unknown");
  expect(watch.judge(HOST, { ...shown, attestation: undefined })).toMatchObject({ code: "intercepted" });
});

it("asks the DNS for nobody who does not want that", async () => {
  let hasAsked = false;
  const watch = new InterceptionWatch({
    epochMs: () => 0,
    knownRelays: new RememberedRelays(),
    onIntercept: "allow",
    isPinned: false,
    relayKey: undefined,
    resolveTxt: (name) => {
      hasAsked = name !== "";
      return Promise.resolve([]);
    },
  });

  await watch.prepare(URL_OF_RELAY);

  expect(hasAsked).toBe(false);
});

it.each(["memory", "file"])("keeps the first key of each relay, in %s", (kind) => {
  const path = join(makeFolder(), "known");
  const relays = kind === "memory" ? new RememberedRelays() : new RelaysFile(path, () => undefined);
  const [first, second] = ["A".repeat(43), "B".repeat(43)];

  relays.remember("one", first);
  relays.remember("one", second);

  expect([relays.keyOf("one"), relays.keyOf("two")]).toEqual([first, undefined]);
  if (kind === "file") expect(readFileSync(path, "utf8")).toBe(`one ${first}\n`);
});

it("remembers no more relays than it may", () => {
  const relays = new RememberedRelays();

  for (let index = 0; index < 10_001; index += 1) relays.remember(`${index}`, "A".repeat(43));

  expect([relays.keyOf("9999"), relays.keyOf("10000")]).toEqual(["A".repeat(43), undefined]);
});

it("refuses a file of relays that is none, and goes on where it cannot be written, with a word", () => {
  const folder = makeFolder();
  const path = join(folder, "known");
  writeFileSync(path, "relay.test nonsense\n");
  const warnings: string[] = [];

  expect(() => new RelaysFile(path, () => undefined)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  const nowhere = new RelaysFile(join(folder, "absent", "known"), (text) => warnings.push(text));
  nowhere.remember("one", "A".repeat(43));

  expect(nowhere.keyOf("one")).toBe("A".repeat(43));
  expect(warnings).toEqual([expect.stringContaining("ENOENT")]);
});
