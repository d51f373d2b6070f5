import { expect, it } from "vitest";
import { Takeovers } from "../../relay/auth/takeovers.ts";

const TRIES = 1000;
const membership = { topicHandle: 3, peerHandle: 7 };

it("knows the secret of a membership, in its topic and in no other, and not that of another process", () => {
  const takeovers = new Takeovers();
  const secret = takeovers.secretOf(membership);

  expect(secret).toMatch(/^7\.[\w-]{22}$/);
  expect(takeovers.provedBy(secret, 3)).toBe(7);
  expect(takeovers.provedBy(secret, 4)).toBeUndefined();
  expect(new Takeovers().provedBy(secret, 3)).toBeUndefined();
});

it.each([
  "",
  ".",
  "7",
  "7.",
  "7.x",
  "8.CODE",
  "7.CODEx",
  "7.CODE=",
  "7.COD",
  "07.COD",
  "NaN.",
  "7 .COD",
  "\u0000.\ud800",
])("takes nothing else for it: %j", (form) => {
  const takeovers = new Takeovers();
  const code = takeovers.secretOf(membership).split(".")[1] ?? "";
  const secret = form.replace("CODE", code).replace("COD", code.slice(0, -1));

  expect(takeovers.provedBy(secret, 3)).toBeUndefined();
});

it("is proved by none of 1,000 codes, and costs the same for a member that is there and one that is not", () => {
  const takeovers = new Takeovers();
  const code = takeovers.secretOf(membership).split(".")[1] ?? "";
  const guesses = Array.from({ length: TRIES }, (_, index) => flipped(code, index));

  const proved = guesses.filter((guess) => takeovers.provedBy(`7.${guess}`, 3) !== undefined);

  expect(proved).toEqual([]);
  const [right, wrong] = [`7.${code}`, `8.${flipped(code, 0)}`].map((secret) => cpuMsOf(takeovers, secret)) as [
    number,
    number,
  ];
  expect(right / wrong).toBeGreaterThan(0.3);
  expect(right / wrong).toBeLessThan(3);
});

/** The code with another first to tenth character. */
function flipped(code: string, index: number): string {
  const place = index % 10;
  const other =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 26] === code[place] ? "_" : "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 26];
  return `${code.slice(0, place)}${other}${code.slice(place + 1)}`;
}

function cpuMsOf(takeovers: Takeovers, secret: string): number {
  for (let count = 0; count < TRIES; count += 1) takeovers.provedBy(secret, 3);
  const before = process.cpuUsage();
  for (let count = 0; count < 2 * TRIES; count += 1) takeovers.provedBy(secret, 3);
  return process.cpuUsage(before).user / 1000;
}
