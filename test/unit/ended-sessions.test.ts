import { expect, it } from "vitest";
import { EndedSessions } from "../../relay/admin/ended-sessions.ts";

const DAY_MS = 86_400_000;

it("knows those that were ended, and no other", () => {
  const ended = new EndedSessions();

  ended.end({ id: "a", expiresAtMs: DAY_MS }, { nowMs: 0, newestMs: DAY_MS });

  expect(ended.has({ id: "a", expiresAtMs: DAY_MS })).toBe(true);
  expect(ended.has({ id: "b", expiresAtMs: DAY_MS })).toBe(false);
});

it("remembers a thousand, and with one more ends all that were made before it, so that none comes to life again", () => {
  const ended = new EndedSessions();
  const end = (number: number, nowMs: number): void =>
    ended.end({ id: `${number}`, expiresAtMs: DAY_MS + number }, { nowMs, newestMs: nowMs + 2 * DAY_MS });

  for (let number = 0; number < 1000; number += 1) end(number, 0);
  const bystander = { id: "bystander", expiresAtMs: DAY_MS + 1 };
  const atTheBound = ended.has(bystander);
  end(1000, 1);

  expect(atTheBound).toBe(false);
  for (const number of [0, 999, 1000]) expect(ended.has({ id: `${number}`, expiresAtMs: DAY_MS + number })).toBe(true);
  expect(ended.has(bystander)).toBe(true);
  expect(ended.has({ id: "later", expiresAtMs: 2 * DAY_MS + 2 })).toBe(false);
});

it("makes room of those whose time is over, and then ends nobody else", () => {
  const ended = new EndedSessions();
  for (let number = 0; number < 1000; number += 1) {
    ended.end({ id: `${number}`, expiresAtMs: 10 }, { nowMs: 0, newestMs: DAY_MS });
  }

  ended.end({ id: "next", expiresAtMs: DAY_MS }, { nowMs: 10, newestMs: DAY_MS + 10 });

  expect(ended.has({ id: "next", expiresAtMs: DAY_MS })).toBe(true);
  expect(ended.has({ id: "bystander", expiresAtMs: DAY_MS })).toBe(false);
});
