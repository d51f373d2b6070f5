import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { askToRegister, connectAgent, openAgent, registerAgent, startAgentRelay, toldTo } from "../support/agents.ts";
import { ask, post } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-agents-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

describe("agents", () => {
  it("[AGENT-1] are welcomed before anything else, under their own name", async () => {
    const relay = await startAgentRelay();

    const alice = await openAgent(relay, "alice");

    expect(JSON.parse(alice.heard[0] ?? "")).toEqual({
      id: expect.stringMatching(/^[\w-]{12}$/) as unknown,
      from: "relay",
      to: ["alice"],
      type: "welcome",
      payload: {
        relay: "localhost",
        version: "0.1.0",
        capabilities: ["broadcast", "direct", "subscribe"],
        extensions: [],
      },
      ts: expect.any(Number) as unknown,
    });
  });

  it("[AGENT-2] register at the root of the port, under the prefix, and at a further port", async () => {
    const relay = await startRelay({ dialects: ["topic", "raw", "pair", "agent"], accountStore: "memory" });

    const answers = [
      await post(relay, "/register", { body: '{"agent_id":"one"}' }),
      await post(relay, "/arc/register", { body: '{"agent_id":"two"}' }),
      await post(relay, "/register", { method: "OPTIONS" }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 204]);
    expect(answers[2]?.headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "Content-Type",
    });
  });

  it("[AGENT-3] are let in by the header or the address, and the header wins", async () => {
    const relay = await startAgentRelay();
    const [alice, bob] = [await registerAgent(relay, "alice"), await registerAgent(relay, "bob")];
    const headers = { authorization: `bearer ${bob}` };

    const client = await PlainClient.open(relay, `/arc?x=1&token=${alice}`, { headers });
    await client.settled();

    expect(JSON.parse(client.heard[0] ?? "")).toMatchObject({ to: ["bob"] });
  });

  it.each([
    ["without a token", "/arc", "Missing token"],
    ["with an empty one", "/arc?token=", "Missing token"],
    ["with one that was never given", "/arc?token=tok_0123456789abcdef", "Invalid or unregistered token"],
  ])("[AGENT-3] are closed with 4001 after the upgrade where they come %s", async (_, path, reason) => {
    const relay = await startAgentRelay({ accessLog: "all" });

    const client = await PlainClient.open(relay, path);

    expect(await client.closed()).toEqual({ code: 4001, reason });
    expect(client.heard).toEqual([]);
    await eventually(() => expect(relay.logLines()).toContainEqual(expect.objectContaining({ msg: "close" })));
    expect(relay.logLines().find(({ msg }) => msg === "close")).toMatchObject({
      reason: "unauthorized",
      closeCode: 4001,
    });
  });

  it("[AGENT-4] send to names, and to all but themselves; who is not there is passed over without a word", async () => {
    const relay = await startAgentRelay();
    const [alice, bob, carol] = [
      await openAgent(relay, "alice"),
      await openAgent(relay, "bob"),
      await openAgent(relay, "carol"),
    ];

    alice.send('{"to":["bob","ghost","alice"],"payload":1}');
    alice.send('{"to":["*","bob"],"payload":2}');
    alice.send('{"to":["ghost"],"payload":3}');
    await alice.settled();

    expect(toldTo(alice)).toEqual([{ from: "alice", to: ["bob", "ghost", "alice"], payload: 1 }]);
    await eventually(() =>
      expect(toldTo(bob)).toEqual([
        { from: "alice", to: ["bob", "ghost", "alice"], payload: 1 },
        { from: "alice", to: ["*", "bob"], payload: 2 },
      ]),
    );
    await eventually(() => expect(toldTo(carol)).toEqual([{ from: "alice", to: ["*", "bob"], payload: 2 }]));
  });

  it("[AGENT-5] are told nothing unasked between a command and its answer", async () => {
    const relay = await startAgentRelay();
    const token = await registerAgent(relay, "alice");
    const alice = await connectAgent(relay, token);
    alice.send('{"to":["relay"],"type":"subscribe","payload":{"agents":["bob"]}}');
    await alice.settled();
    alice.socket.close();
    const again = await connectAgent(relay, token);

    again.send('{"to":["relay"],"type":"list_subscriptions"}');
    await again.settled();

    expect(again.heard.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual([
      "welcome",
      "subscriptions",
    ]);
  });

  it("[AGENT-6] have what they wrote passed on as they wrote it: digits, escapes, and what the relay does not know", async () => {
    const relay = await startAgentRelay();
    const [alice, bob] = [await openAgent(relay, "alice"), await openAgent(relay, "bob")];

    alice.send(
      '{"x" : [1.50] ,"ref":"r\\u0031","payload": {"n":1795200876384.0,"n":12345678901234567890} ,"to":["bob"]}',
    );
    await alice.settled();

    const [, text = ""] = bob.heard;
    expect(text.replace(/"id":"[^"]*"/, '"id":""').replace(/"ts":\d+/, '"ts":0')).toBe(
      '{"id":"","from":"alice","to":["bob"],"payload":{"n":1795200876384.0,"n":12345678901234567890},"ts":0,"ref":"r\\u0031","x":[1.50]}',
    );
  });

  it("[AGENT-8] are answered a ping and a list without a payload, and told what is wrong with a list of names", async () => {
    const relay = await startAgentRelay();
    const alice = await openAgent(relay, "alice");

    alice.send('{"to":["relay"],"type":"ping"}');
    alice.send('{"to":["relay"],"type":"list_subscriptions"}');
    for (const agents of ["{}", '{"agents":5}', '{"agents":["a",5]}', "null"])
      alice.send(`{"to":["relay"],"type":"subscribe","payload":${agents}}`);
    alice.send('{"to":["relay"],"type":"unheard-of","payload":1}');
    await alice.settled();

    const error = { code: "invalid_message", message: "agents field must be an array of agent ids" };
    expect(toldTo(alice)).toEqual([
      { from: "relay", to: ["alice"], type: "pong" },
      { from: "relay", to: ["alice"], type: "subscriptions", payload: { agents: [] } },
      ...Array.from({ length: 4 }, () => ({ from: "relay", to: ["alice"], type: "error", payload: error })),
    ]);
  });

  it("[AGENT-10] get a message once, however often they are named and whoever they have subscribed to", async () => {
    const relay = await startAgentRelay();
    const [alice, bob] = [await openAgent(relay, "alice"), await openAgent(relay, "bob")];
    bob.send('{"to":["relay"],"type":"subscribe","payload":{"agents":["alice"]}}');
    await bob.settled();

    alice.send('{"to":["*"],"payload":1}');
    alice.send('{"to":["bob","bob"],"payload":2}');
    await alice.settled();
    await bob.settled();

    expect(toldTo(bob).slice(1)).toEqual([
      { from: "alice", to: ["*"], payload: 1 },
      { from: "alice", to: ["bob", "bob"], payload: 2 },
    ]);
  });

  it("[AGENT-11] may have several connections, each of which gets all, and none takes another one along", async () => {
    const relay = await startAgentRelay();
    const token = await registerAgent(relay, "alice");
    const [one, two, bob] = [
      await connectAgent(relay, token),
      await connectAgent(relay, token),
      await openAgent(relay, "bob"),
    ];
    one.send('{"to":["*"],"payload":"to all"}');
    await one.settled();
    one.socket.close();
    await one.closed();

    bob.send('{"to":["alice"],"payload":"to alice"}');
    await bob.settled();

    await eventually(() => expect(toldTo(bob)).toEqual([{ from: "alice", to: ["*"], payload: "to all" }]));
    await eventually(() => expect(toldTo(two)).toEqual([{ from: "bob", to: ["alice"], payload: "to alice" }]));
    expect(toldTo(one)).toEqual([]);
  });

  it("[AGENT-12] keep their subscriptions while they are away, until they end them", async () => {
    const relay = await startAgentRelay();
    const token = await registerAgent(relay, "alice");
    const alice = await connectAgent(relay, token);
    alice.send('{"to":["relay"],"type":"subscribe","payload":{"agents":["bob","carol"]}}');
    alice.send('{"to":["relay"],"type":"unsubscribe","payload":{"agents":["carol","never"]}}');
    await alice.settled();
    alice.socket.close();
    const again = await connectAgent(relay, token);

    again.send('{"to":["relay"],"type":"list_subscriptions","payload":{}}');
    await again.settled();

    expect(toldTo(alice)).toEqual([
      { from: "relay", to: ["alice"], type: "subscribed", payload: { agents: ["bob", "carol"], count: 2 } },
      { from: "relay", to: ["alice"], type: "unsubscribed", payload: { agents: ["carol", "never"], count: 1 } },
    ]);
    expect(toldTo(again)).toMatchObject([{ type: "subscriptions", payload: { agents: ["bob"] } }]);
  });

  it("[AGENT-13] have the original's pages under the prefix; on the shared port these pages are the relay's", async () => {
    const relay = await startRelay({ dialects: ["topic", "agent"], accountStore: "memory" });
    await openAgent(relay, "alice");

    const pages = await Promise.all(["/arc/health", "/arc/stats", "/arc", "/health"].map((path) => ask(relay, path)));

    expect(pages.map(({ status }) => status)).toEqual([200, 200, 426, 200]);
    expect(JSON.parse(pages[0]?.body ?? "")).toEqual({ status: "ok", uptime: 0 });
    expect(JSON.parse(pages[3]?.body ?? "")).toMatchObject({ status: "healthy" });
    expect(await statusOfUpgrade(relay, "/arc/elsewhere")).toBe(404);
    expect(JSON.parse((await ask(relay, "/stats")).body)).toMatchObject({ registered_agents: 1, connected_agents: 1 });
  });

  it("[AGENT-15] have what they sent right before their close delivered", async () => {
    const relay = await startAgentRelay();
    const [alice, bob] = [await openAgent(relay, "alice"), await openAgent(relay, "bob")];

    for (let index = 0; index < 20; index += 1) alice.send(`{"to":["bob"],"payload":${index}}`);
    alice.socket.close();

    await eventually(() => expect(toldTo(bob)).toHaveLength(20));
  });

  it("[AGENT-16] are known after a restart, and of their tokens only hashes are kept", async () => {
    const stateDirectory = await newDirectory();
    const first = await startAgentRelay({ accountStore: "directory", stateDirectory });
    const token = await registerAgent(first, "alice");
    await first.stop();
    const file = await readFile(join(stateDirectory, "accounts/agents.jsonl"), "utf8");

    const second = await startAgentRelay({ accountStore: "directory", stateDirectory });

    expect(file).toContain('"alice"');
    expect(file).not.toContain(token.slice(4));
    const alice = await connectAgent(second, token);
    expect(JSON.parse(alice.heard[0] ?? "")).toMatchObject({ to: ["alice"] });
    expect(JSON.parse((await askToRegister(second, '{"agent_id":"alice"}')).body)).toMatchObject({
      error: "agent_id_taken",
    });
  });

  it("are refused where what is known of them cannot be read: to begin anew would give their names away", async () => {
    const stateDirectory = await newDirectory();
    const first = await startAgentRelay({ accountStore: "directory", stateDirectory });
    await registerAgent(first, "alice");
    await first.stop();
    await writeFile(join(stateDirectory, "accounts/agents.jsonl"), "half a fi");

    await expect(startAgentRelay({ accountStore: "directory", stateDirectory })).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
    });
  });

  it("[AGENT-20] are registered no longer than the option says: then they are closed, and the name is free", async () => {
    const clock = new ShiftedClock();
    const relay = await startRelay(
      { dialects: ["agent"], accountStore: "memory", agentRegistrationsPerHour: 0, agentTokenDays: 2 },
      clock,
    );
    const token = await registerAgent(relay, "alice");
    const alice = await connectAgent(relay, token);

    clock.shift(2 * 86_400_000);

    expect(await alice.closed()).toEqual({ code: 4001, reason: "Registration ended" });
    const late = await PlainClient.open(relay, `/arc?token=${token}`);
    expect(await late.closed()).toMatchObject({ code: 4001 });
    expect(await registerAgent(relay, "alice")).not.toBe(token);
  });

  it("wait where they send faster than their rate, by all of their connections", async () => {
    const relay = await startAgentRelay({ agentRatePerMinute: 60 });
    const token = await registerAgent(relay, "alice");
    const [one, two, bob] = [
      await connectAgent(relay, token),
      await connectAgent(relay, token),
      await openAgent(relay, "bob"),
    ];

    for (let index = 0; index < 31; index += 1) one.send('{"to":["bob"],"payload":1}');
    for (let index = 0; index < 31; index += 1) two.send('{"to":["bob"],"payload":2}');

    await eventually(() => expect(toldTo(bob).length).toBeGreaterThan(59));
    expect(toldTo(bob).length).toBeLessThan(62);
    await eventually(() => expect(toldTo(bob)).toHaveLength(62));
  });
});

it("[AGENT-2] [AGENT-20] an id that has ended is given to one of many who ask for it at once", async () => {
  const clock = new ShiftedClock();
  const relay = await startRelay(
    { dialects: ["agent"], accountStore: "memory", agentRegistrationsPerHour: 0, agentTokenDays: 1 },
    clock,
  );
  await registerAgent(relay, "alice");
  clock.shift(86_400_000);

  const answers = await Promise.all(Array.from({ length: 10 }, () => askToRegister(relay, '{"agent_id":"alice"}')));

  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
});

it("[AGENT-2] [AGENT-13] is at ports of its own as the original is, without TLS: the socket at one, the pages at both", async () => {
  const [port, statsPort] = [await freePort(), await freePort()];
  const relay = await startRelay({
    dialects: ["topic"],
    accountStore: "memory",
    listen: [`ws:${port}=agent`, `ws:${statsPort}=agent`],
  });

  const answer = await fetch(`http://127.0.0.1:${statsPort}/register`, { method: "POST" });
  const { agent_id: id, token } = (await answer.json()) as { agent_id: string; token: string };
  const agent = await PlainClient.open(relay, `/arc?token=${token}`, { url: `ws://127.0.0.1:${port}` });
  await agent.settled();

  expect(JSON.parse(agent.heard[0] ?? "")).toMatchObject({ type: "welcome", to: [id] });
  const stats = await fetch(`http://127.0.0.1:${statsPort}/stats`);
  expect(await stats.json()).toMatchObject({ relay: { connected: 1 }, registry: { registered: 1 } });
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  // On the relay's own port there is none of it.
  expect(await statusOfUpgrade(relay, `/arc?token=${token}`)).toBe(404);
});
