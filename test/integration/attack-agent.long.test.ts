import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { askToRegister, connectAgent, openAgent, registerAgent, startAgentRelay, toldTo } from "../support/agents.ts";
import { ask, post } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";
import { token as grantOf, tokenOptions } from "../support/tokens.ts";

const ID_RULE = "invalid_agent_id";

it.each(["null", "[null]", "5", '"to"', "true", '{"to":null,"payload":1}', '{"to":[null],"payload":null}', "{"])(
  "[AGENT-7] a message of %j ends neither the relay nor the connection",
  async (message) => {
    const relay = await startAgentRelay();
    const [alice, bob] = [await openAgent(relay, "alice"), await openAgent(relay, "bob")];

    alice.send(message);
    alice.send(Buffer.from(message));
    alice.send('{"to":["bob"],"payload":"well"}');

    await eventually(() => expect(toldTo(bob)).toMatchObject([{ payload: "well" }]));
    expect(relay.logLines().filter(({ msg }) => msg === "session failed")).toEqual([]);
  },
);

it.each(["null", "5", "[]", '"alice"', "{bad", "\0", "{}}"])(
  "[AGENT-7] a registration with the body %j gets 400, and the relay goes on",
  async (body) => {
    const relay = await startAgentRelay();

    const answer = await askToRegister(relay, body);

    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      400,
      { error: "invalid_json", message: "Malformed JSON" },
    ]);
    await registerAgent(relay, "alice");
  },
);

it.each([
  ["relay", "agent_id_reserved"],
  ["system", "agent_id_reserved"],
  ["*", ID_RULE],
  ["Relay", ID_RULE],
  ["ab", ID_RULE],
  ["-abc", ID_RULE],
  ["a\nb", ID_RULE],
  ["relay\u0000", ID_RULE],
  ['a","from":"relay', ID_RULE],
  [123, ID_RULE],
  [["abcd"], ID_RULE],
  [{ toString: 1 }, ID_RULE],
  [true, ID_RULE],
])("[AGENT-9] nobody can register as %j", async (id, error) => {
  const relay = await startAgentRelay();

  const answer = await askToRegister(relay, JSON.stringify({ agent_id: id }));

  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { error }]);
});

it("[AGENT-9] ids that the relay chooses keep its own rule", async () => {
  const relay = await startAgentRelay();

  const answers = await Promise.all(
    ["", "{}", '{"agent_id":null}', '{"agent_id":""}'].map((body) => askToRegister(relay, body)),
  );

  for (const { body } of answers)
    expect(JSON.parse(body)).toMatchObject({ agent_id: expect.stringMatching(/^agent-[a-z0-9]{8}$/) as unknown });
});

it("a sender cannot speak as another, or as the relay, however it writes the names", async () => {
  const relay = await startAgentRelay();
  const [mallory, bob] = [await openAgent(relay, "mallory"), await openAgent(relay, "bob")];

  mallory.send('{"to":["bob"],"payload":1,"from":"relay","id":"x","ts":1}');
  mallory.send('{"to":["bob"],"payload":1,"fr\\u006fm":"relay","\\u0069d":"x","t\\u0073":1}');
  mallory.send('{"from":"relay","to":["bob"],"payload":1,"from":"alice"}');
  await mallory.settled();
  await bob.settled();

  const texts = bob.heard.slice(1);
  expect(texts).toHaveLength(3);
  for (const text of texts) {
    expect(JSON.parse(text)).toMatchObject({ from: "mallory", ts: expect.any(Number) as unknown });
    expect(text.match(/"(from|fr\\u006fm)"/g)).toHaveLength(1);
  }
});

it("a payload cannot break out of the envelope it is put into", async () => {
  const relay = await startAgentRelay();
  const [mallory, bob] = [await openAgent(relay, "mallory"), await openAgent(relay, "bob")];

  mallory.send('{"to":["bob"],"payload":1},"from":"relay"}');
  mallory.send('{"to":["bob"],"payload":"\\"},\\"from\\":\\"relay\\""}');
  mallory.send('{"to":["bob"],"payload":"]}{[,:"}');
  mallory.send('{"to":["bob"],"payload":{"__proto__":{"from":"relay"}},"__proto__":{"from":"relay"},"constructor":1}');
  await mallory.settled();
  await bob.settled();

  expect(toldTo(mallory)).toMatchObject([{ type: "error", payload: { message: "Malformed JSON" } }]);
  expect(toldTo(bob).map((message) => (message as { from: string }).from)).toEqual(["mallory", "mallory", "mallory"]);
});

it("[AGENT-17] registrations end at a number, and no more", async () => {
  const relay = await startAgentRelay({ maxAgents: 2 });
  await registerAgent(relay, "one");
  await registerAgent(relay, "two");

  const answers = await Promise.all(["three", "four"].map((id) => askToRegister(relay, `{"agent_id":"${id}"}`)));

  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({ error: "registry_full" });
});

it("[AGENT-17] a network that floods /register is held back, and others are not", async () => {
  const relay = await startAgentRelay({ agentRegistrationsPerHour: 3 });
  const statuses: (number | undefined)[] = [];

  for (let index = 0; index < 5; index += 1) statuses.push((await askToRegister(relay, "")).status);

  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  const refused = await askToRegister(relay, "");
  expect(refused.headers["retry-after"]).toBe("1200");
  expect((await post(relay, "/register", { localAddress: "127.0.5.1" })).status).toBe(200);
});

it("[AGENT-17] asking for names that are taken counts like registering: names cannot be tried out fast", async () => {
  const relay = await startAgentRelay({ agentRegistrationsPerHour: 2 });
  await registerAgent(relay, "alice");

  const statuses = [
    await askToRegister(relay, '{"agent_id":"alice"}'),
    await askToRegister(relay, '{"agent_id":"alice"}'),
  ];

  expect(statuses.map(({ status }) => status)).toEqual([400, 429]);
});

it("[AGENT-17] a registration of the same name by many at once succeeds once", async () => {
  const relay = await startAgentRelay();

  const answers = await Promise.all(Array.from({ length: 20 }, () => askToRegister(relay, '{"agent_id":"alice"}')));

  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
});

it("[AGENT-17] a body without end is refused before it is read", async () => {
  const relay = await startAgentRelay();

  expect((await askToRegister(relay, randomBytes(5000))).status).toBe(413);
});

it("[AGENT-17] subscriptions end at a number, for one agent and for all, and too long names are none", async () => {
  const relay = await startAgentRelay();
  const alice = await openAgent(relay, "alice");
  const subscribe = (names: readonly string[]): void =>
    alice.send(JSON.stringify({ to: ["relay"], type: "subscribe", payload: { agents: names } }));

  subscribe(Array.from({ length: 200 }, (_, index) => `a${index}`));
  subscribe(Array.from({ length: 200 }, (_, index) => `b${index}`));
  subscribe(["x".repeat(65)]);
  subscribe(Array.from({ length: 256 }, () => "twice"));
  await alice.settled();

  const error = { type: "error", payload: { code: "invalid_message", message: "Too many subscriptions" } };
  expect(toldTo(alice)).toMatchObject([{ type: "subscribed" }, error, error, { type: "subscribed" }]);
  expect(JSON.parse((await ask(relay, "/stats")).body)).toMatchObject({ subscriptions: 201 });
});

it("a message for more names than may be is told to be none, and reaches nobody", async () => {
  const relay = await startAgentRelay();
  const [alice, bob] = [await openAgent(relay, "alice"), await openAgent(relay, "bob")];

  alice.send(JSON.stringify({ to: Array.from({ length: 65 }, () => "bob"), payload: 1 }));
  await alice.settled();
  await bob.settled();

  expect(toldTo(alice)).toMatchObject([{ type: "error" }]);
  expect(toldTo(bob)).toEqual([]);
});

it("a message with more structure than is parsed of a stranger is none, and costs little", async () => {
  const relay = await startAgentRelay();
  const alice = await openAgent(relay, "alice");

  alice.send(`{"to":["*"],"payload":${"[".repeat(20_000)}${"]".repeat(20_000)}}`);
  alice.send(`{"to":["*"],"payload":[${"[],".repeat(15_000)}0]}`);
  await alice.settled();

  expect(toldTo(alice)).toMatchObject([
    { payload: { message: "Malformed JSON" } },
    { payload: { message: "Malformed JSON" } },
  ]);
});

it("an agent cannot have connections without end", async () => {
  const relay = await startAgentRelay();
  const token = await registerAgent(relay, "alice");
  for (let index = 0; index < 64; index += 1) await connectAgent(relay, token);

  const late = await PlainClient.open(relay, `/arc?token=${token}`);

  expect(await late.closed()).toEqual({ code: 1013, reason: "too many connections of this agent" });
});

it("[AGENT-14] [AGENT-18] no page and no log line has an agent's name or a token", async () => {
  const relay = await startAgentRelay({ accessLog: "all", adminToken: ADMIN_TOKEN });
  const token = await registerAgent(relay, "quite-secret");
  const alice = await connectAgent(relay, token);
  await (await PlainClient.open(relay, `/arc?token=${token}x`)).closed();
  alice.send("garbage");
  await alice.settled();
  alice.socket.terminate();

  const pages = await Promise.all(
    ["/stats", "/health", "/arc/stats", "/arc/health", "/metrics", "/status"].map((path) => askAsAdmin(relay, path)),
  );

  const shown = pages.map(({ body }) => body).join("\n") + JSON.stringify(relay.logLines());
  expect(pages.every(({ status }) => status === 200)).toBe(true);
  expect(shown).not.toContain("quite-secret");
  expect(shown).not.toContain(token.slice(4));
});

it("with AUTH=tokens nobody registers or connects without a grant, and a grant alone is no agent's token", async () => {
  const relay = await startRelay({
    dialects: ["agent"],
    accountStore: "memory",
    ...(await tokenOptions()),
  });
  const grant = await grantOf();
  const elsewhere = await grantOf({ claims: { topics: ["other"] } });
  const asked = (bearer?: string) =>
    post(relay, "/register", {
      body: "{}",
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    });

  const answers = [await asked(), await asked("nonsense"), await asked(elsewhere), await asked(grant)];

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 200]);
  const { token } = JSON.parse(answers[3]?.body ?? "") as { token: string };
  const without = await PlainClient.open(relay, `/arc?token=${token}`);
  expect(await without.closed()).toEqual({ code: 4004, reason: "missing" });
  const headers = { authorization: `Bearer ${grant}` };
  const alone = await PlainClient.open(relay, "/arc", { headers });
  expect(await alone.closed()).toEqual({ code: 4001, reason: "Missing token" });
  const both = await PlainClient.open(relay, `/arc?token=${token}`, { headers });
  await both.settled();
  expect(both.heard).toHaveLength(1);
});

it("pages of sites that may not open connections may not register either", async () => {
  const relay = await startAgentRelay({ allowedOrigins: ["https://app.example.com"] });
  const from = (origin: string) => post(relay, "/register", { headers: { origin } });

  const answers = [
    await from("https://evil.example.net"),
    await from("https://app.example.com"),
    await askToRegister(relay, ""),
  ];

  expect(answers.map(({ status }) => status)).toEqual([403, 200, 200]);
});

it("who may not connect by its address may not register either", async () => {
  const relay = await startAgentRelay({ ipAllow: ["127.0.0.1"], ipDeny: ["127.0.6.1"] });
  const from = (localAddress: string) => post(relay, "/register", { localAddress });

  const answers = [await from("127.0.0.1"), await from("127.0.5.1")];

  expect(answers.map(({ status }) => status)).toEqual([200, 403]);
});

it("a message to many counts as many: one who is held to a rate waits for it", async () => {
  const relay = await startAgentRelay({ messagesPerSecondPerConnection: 10 });
  const sender = await openAgent(relay, "sender");
  const token = await registerAgent(relay, "many");
  const many = await Promise.all(Array.from({ length: 20 }, () => connectAgent(relay, token)));
  const startedAtMs = performance.now();

  for (let count = 0; count < 3; count += 1) sender.send('{"to":["many"],"payload":1}');
  await eventually(() => expect(toldTo(many[19] as PlainClient)).toHaveLength(3));

  // The first is free, and after each of 20 the next one waits for two seconds, less what may come at once.
  expect(performance.now() - startedAtMs).toBeGreaterThan(2000);
});

it("[AGENT-16] where nothing can be written, new registrations get 503 and those that are known go on", async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-agents-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  const options = { accountStore: "directory", stateDirectory } as const;
  const relay = await startAgentRelay(options);
  const token = await registerAgent(relay, "alice");
  // Another relay at the same directory: each would take back what the other keeps.
  const other = await startAgentRelay(options);
  await registerAgent(other, "bob");

  const answer = await askToRegister(relay, '{"agent_id":"carol"}');

  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([503, { error: "registry_unavailable" }]);
  const alice = await connectAgent(relay, token);
  expect(alice.heard).toHaveLength(1);
  expect(relay.logLines()).toContainEqual(
    expect.objectContaining({ msg: "registrations not kept", code: "state-shared" }),
  );
});

it("one agent that comes back again and again with a token that is none does not keep others of its office out", async () => {
  const relay = await startAgentRelay();
  const token = await registerAgent(relay, "alice");
  const isIgnored = async (of: string): Promise<boolean> => (await statusOfUpgrade(relay, `/arc?token=${of}`)) === 429;
  const attempts: boolean[] = [];
  for (let index = 0; index < 25; index += 1) attempts.push(await isIgnored("tok_bad"));

  expect([attempts[0], attempts.at(-1)]).toEqual([false, true]);
  expect([await isIgnored(token), await isIgnored(token), await isIgnored(token)]).toEqual([false, false, false]);
});
