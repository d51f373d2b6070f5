import { expect, it } from "vitest";
import { Roster, wireName } from "../../client/roster.ts";

const own = "o".repeat(22);
const anna = "a".repeat(22);
const random = "r".repeat(22);
const other = "s".repeat(22);

function member(sid: string, peerHandle: number) {
  return { peerId: wireName(sid, peerHandle % 2 === 0 ? random : other), peerHandle };
}

it("knows a session by the name of its connection, and everybody else as classic", () => {
  const roster = new Roster(own);

  expect(roster.add(member(anna, 2), { canTakeOver: true })).toEqual({ kind: "session", sid: anna });
  expect(roster.sidOf(2)).toBe(anna);
  expect(roster.handleOf(anna)).toBe(2);
  for (const peerId of ["peer-1795207474880-5lyvmmvh2", anna, `${anna}.`, `${anna}.${random}x`, `é${anna}.${random}`]) {
    expect(roster.add({ peerId, peerHandle: 3 }, { canTakeOver: true })).toEqual({ kind: "classic" });
  }
});

it("does not hear a second one who claims a session, not even when the first has left", () => {
  const roster = new Roster(own);
  roster.add(member(anna, 2), { canTakeOver: true });

  expect(roster.add(member(anna, 3), { canTakeOver: true })).toEqual({ kind: "claimed", sid: anna });
  expect(roster.sidOf(3)).toBeUndefined();
  expect(roster.remove(2)).toBe(anna);
  expect(roster.handleOf(anna)).toBeUndefined();

  expect(roster.add(member(anna, 4), { canTakeOver: true })).toEqual({ kind: "session", sid: anna });
  expect(roster.remove(3)).toBeUndefined();
  expect(roster.handleOf(anna)).toBe(4);
});

it("lets a claimant take the place where a relay cannot end old connections", () => {
  const roster = new Roster(own);
  roster.add(member(anna, 2), { canTakeOver: false });
  roster.add(member(anna, 3), { canTakeOver: false });

  expect(roster.remove(2)).toBe(anna);

  expect(roster.handleOf(anna)).toBe(3);
  expect(roster.sidOf(3)).toBe(anna);
});

it("never hears its own session: a half-open connection of before, or somebody who copied it", () => {
  const roster = new Roster(own);

  expect(roster.add(member(own, 2), { canTakeOver: false })).toEqual({ kind: "claimed", sid: own });
  expect(roster.sidOf(2)).toBeUndefined();
});

it("forgets all handles with the connection", () => {
  const roster = new Roster(own);
  roster.add(member(anna, 2), { canTakeOver: true });

  roster.clear();

  expect(roster.sidOf(2)).toBeUndefined();
  expect(roster.add(member(anna, 9), { canTakeOver: true })).toEqual({ kind: "session", sid: anna });
});
