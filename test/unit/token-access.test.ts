import { expect, it } from "vitest";
import { type Grant, readGrant } from "../../relay/auth/grant.ts";
import { TokenAccess } from "../../relay/auth/token-access.ts";
import type { AccessRefusal } from "../../relay/session/ports.ts";

function grantOf(claims: Record<string, unknown>): Grant {
  const grant = readGrant({ sub: "alice", topics: ["*"], ...claims });
  if ("badClaim" in grant) throw new Error(grant.badClaim);
  return grant;
}

const nothing = () => undefined;

/** An access with a grant, and a way to have it presented with something else. */
async function scene() {
  let next: Grant | AccessRefusal = grantOf({});
  const access = new TokenAccess({
    check: () => Promise.resolve(next),
    take: nothing,
    refused: nothing,
    denied: nothing,
    forget: nothing,
  });
  await access.present("first");
  const present = async (answer: Grant | AccessRefusal, times: number) => {
    next = answer;
    const outcomes: string[] = [];
    for (let count = 0; count < times; count += 1) outcomes.push((await access.present("again")).outcome);
    return outcomes;
  };
  return { access, present };
}

it("refuses at the sixth token that does not do", async () => {
  const { present } = await scene();

  expect(await present("expired", 6)).toEqual(["kept", "kept", "kept", "kept", "kept", "refused"]);
});

it("keeps a good grant while keys cannot be had, however often a renewal is tried", async () => {
  const { access, present } = await scene();

  const outcomes = await present("keys-unavailable", 20);

  expect(new Set(outcomes)).toEqual(new Set(["kept"]));
  expect(access.isGranted).toBe(true);
});

it("forgets failures with the next token that does", async () => {
  const { present } = await scene();
  await present("expired", 5);

  await present(grantOf({}), 1);

  expect(await present("expired", 5)).not.toContain("refused");
});

it.each([" alice", "alice ", "al\nice", "\u0007"])("refuses the subject %j: no line could revoke it", (sub) => {
  expect(readGrant({ sub })).toEqual({ badClaim: "sub" });
});
