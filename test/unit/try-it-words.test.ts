import { expect, it } from "vitest";
import { ConnectError, errorTexts, PosternError, type PosternErrorCode } from "../../client/errors.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { certificateWords } from "../../page/certificate.ts";
import { secretIn } from "../../page/invitation.ts";
import { nameOf, toName, toShownText } from "../../page/names.ts";
import { wordsFor } from "../../page/words.ts";
import { closeOf, refusal, type UpgradeRefusal, upgradeRefusals } from "../../relay/entrance/upgrade-refusals.ts";

const OTHERWISE = "This did not work";
const refusals = Object.keys(upgradeRefusals) as UpgradeRefusal[];

it.each(refusals.filter((name) => name !== "credential" && closeOf(refusal(name)) !== undefined))(
  "says in words what the refusal %s means, however the browser has shown it",
  (name) => {
    const { title } = wordsFor(new ConnectError("refused", { cause: name, status: 1008 }));

    expect(title).not.toBe(OTHERWISE);
    expect(wordsFor(new ConnectError("refused", { cause: `The relay refuses (${name})` })).title).toBe(title);
    // Where the time was over before it let anybody in.
    const last = new ConnectError("refused", { cause: name });
    expect(wordsFor(new ConnectError("unreachable", { cause: last })).title).toBe(title);
  },
);

it("has a sentence and something to do for whatever else may fail", () => {
  for (const code of Object.keys(errorTexts) as PosternErrorCode[]) {
    const { title, meaning, advice } = wordsFor(new PosternError(code));

    for (const text of [title, meaning, advice]) expect(text.length, code).toBeGreaterThan(5);
  }
  expect(wordsFor(new ConnectError("refused", { cause: "a word of later" }))).toMatchObject({ title: OTHERWISE });
});

it.each([
  ["self-signed", {}, "https:", /signed by the relay itself, good for 30 more days/],
  ["acme", {}, "https:", /^of an authority, good for 30 more days\.$/],
  ["acme", { is_stand_in: true, last_error_code: "challenge-failed" }, "https:", /stand-in.*challenge-failed/],
  ["files", { seconds_to_expiry: -5 }, "https:", /^expired/],
  ["files", { seconds_to_expiry: 7200 }, "https:", /2 more hours/],
])("tells how a certificate of %s is doing, with %o", (source, changes, protocol, expected) => {
  const certificate = {
    source,
    is_stand_in: false,
    seconds_to_expiry: 30 * 86_400 + 5,
    last_error_code: null,
    ...changes,
  };

  expect(certificateWords({ status: "ready", certificate }, { protocol, isSecureContext: true })).toMatch(expected);
});

it("tells where there is none, and takes whatever else /ready may say", () => {
  for (const ready of [undefined, null, 7, {}, { certificate: null }, { certificate: { source: "acme" } }]) {
    expect(certificateWords(ready, { protocol: "https:", isSecureContext: true })).toContain("proxy");
    expect(certificateWords(ready, { protocol: "http:", isSecureContext: true })).toContain("one machine");
    expect(certificateWords(ready, { protocol: "http:", isSecureContext: false })).toContain("reads along");
  }
});

it("finds the secret in a link, behind a #, and by itself; and none in anything else", () => {
  const secret = newSecret();

  expect(secretIn(`https://relay.example.com/below/#${secret}`)).toBe(secret);
  expect(secretIn(` #${secret}\n`)).toBe(secret);
  expect(secretIn(secret)).toBe(secret);
  for (const other of ["", "#", "https://relay.example.com/", "my-topic", `${secret} and more`, "#<b>"]) {
    expect(secretIn(other)).toBeUndefined();
  }
});

it("shows names on one line, short, and without what hides or turns text", () => {
  expect(toName("  Anna\n<b>\u202E  ")).toBe("Anna <b>\uFFFD");
  expect(toName("x".repeat(100))).toHaveLength(40);
  expect(nameOf({ id: "a", isClassic: false, presence: new Uint8Array([0x20]) })).toBe("guest");
  expect(nameOf({ id: "a", isClassic: false, presence: new Uint8Array([0xff, 0xfe]) })).toBe("\uFFFD\uFFFD");
  expect(nameOf({ id: "a", isClassic: false })).toBe("guest");
  expect(toShownText("one\r\ntwo\u001b[31m\nthree")).toBe("one\ntwo\uFFFD[31m\nthree");
  expect(toShownText("x".repeat(4000))).toHaveLength(4000);
  expect(toShownText("x".repeat(4_000_000))).toBe(`${"x".repeat(4000)}…`);
});
