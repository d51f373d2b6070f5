import { expect, it } from "vitest";
import { type KillReport, killDuringRegistrations } from "../integration/registration-kills.ts";
import { tell, tellOutcome } from "./outcome.ts";

/** Each with a registry of its own: a thousand kills on one would measure how long the file takes that is written anew. */
const ROUND_COUNT = 10;
const KILLS_EACH = 100;

it("loses no registration that was acknowledged, and gives no name twice, over 1,000 kills", {
  timeout: 7_200_000,
}, async () => {
  const rounds: KillReport[] = [];
  while (rounds.length < ROUND_COUNT) {
    rounds.push(await killDuringRegistrations(KILLS_EACH));
    tell(summaryOf(rounds));
  }

  tellOutcome(summaryOf(rounds));
  const [lost, doubled] = [rounds.flatMap((round) => round.lost), rounds.flatMap((round) => round.doubled)];
  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
});

function summaryOf(rounds: readonly KillReport[]): string {
  const total = (count: (round: KillReport) => number): number => rounds.reduce((sum, round) => sum + count(round), 0);
  const [agents, meshes, nonces] = (["agents", "meshes", "nonces"] as const).map((table) =>
    total(({ acknowledged }) => acknowledged[table]),
  );
  const [lost, doubled] = [total((round) => round.lost.length), total((round) => round.doubled.length)];
  const acknowledged = `acknowledged ${agents} agents, ${meshes} meshes and ${nonces} used tokens`;
  return `${total(({ kills }) => kills)} kills; ${acknowledged}; lost ${lost}, doubled ${doubled}`;
}
