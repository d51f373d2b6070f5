import { expect, it } from "vitest";
import { ADMIN_TOKEN, askAsAdmin, formTokenOf, signIn } from "../support/admin.ts";
import { connectAgent, registerAgent, startAgentRelay } from "../support/agents.ts";
import { ask } from "../support/ask.ts";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

async function latest(relay: TestRelay): Promise<readonly Record<string, unknown>[]> {
  const { body } = await askAsAdmin(relay, "/stats");
  return (JSON.parse(body) as { details: { latest_registrations: Record<string, unknown>[] } }).details
    .latest_registrations;
}

it("[AGENT-20] shows registrations by a hash, and revokes one: its connections end, its token is good for nothing, its name is free", async () => {
  const relay = await startAgentRelay({ adminToken: ADMIN_TOKEN });
  const [alices, bobs] = [await registerAgent(relay, "alice"), await registerAgent(relay, "bob")];
  const [alice, bob] = [await connectAgent(relay, alices), await connectAgent(relay, bobs)];
  const [newest, oldest] = await latest(relay);
  expect([newest, oldest]).toMatchObject([
    { kind: "agent", account: expect.stringMatching(/^[0-9a-f]{12}$/) as unknown, connections: 1 },
    { kind: "agent", connections: 1 },
  ]);

  expect((await askAsAdmin(relay, "/metrics")).body).toContain("\nrelay_registrations 2\n");

  const form = { account: String(oldest?.["account"]), confirm: "yes" };
  const answer = await askAsAdmin(relay, "/status/revoke", { form });

  expect(answer.status).toBe(200);
  expect(await alice.closed()).toEqual({ code: 4001, reason: "Registration ended" });
  expect(await (await PlainClient.open(relay, `/arc?token=${alices}`)).closed()).toMatchObject({ code: 4001 });
  expect(await latest(relay)).toMatchObject([{ account: newest?.["account"] }]);
  await bob.settled();
  await registerAgent(relay, "alice");
});

it("revokes by name too, and does nothing without a confirmation, a form of its own page, or a registration", async () => {
  const relay = await startAgentRelay({ adminToken: ADMIN_TOKEN });
  await registerAgent(relay, "alice");
  const cookie = await signIn(relay);
  const formToken = formTokenOf(await ask(relay, "/status", { headers: { cookie } }));
  const sent = async (form: Record<string, string>, headers: Record<string, string> = { cookie }) =>
    (await ask(relay, "/status/revoke", { form, headers })).status;

  const statuses = [
    await sent({ form: formToken, account: "alice" }),
    await sent({ form: "forged", account: "alice", confirm: "yes" }),
    await sent({ form: formToken, account: "alice", confirm: "yes" }, {}),
    await sent({ form: formToken, account: "ghost", confirm: "yes" }),
    await sent({ form: formToken, account: "alice", confirm: "yes" }),
  ];

  expect(statuses).toEqual([400, 403, 401, 404, 200]);
  expect(await latest(relay)).toEqual([]);
});

it("has no word of registrations where no dialect keeps any", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  const [stats, status] = [await askAsAdmin(relay, "/stats"), await askAsAdmin(relay, "/status")];

  expect(stats.body).not.toContain("registrations");
  expect(status.body).not.toContain("egistration");
});
