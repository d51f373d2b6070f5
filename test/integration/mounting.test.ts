import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import type { Config } from "../../relay/config/options.ts";
import { createDialects } from "../../relay/dialects/all.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { EchoDialect } from "../fixtures/echo/echo-dialect.ts";
import { ADMIN_TOKEN } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const PIPE = `/topic/${createHash("sha256").update("a name").digest("hex")}`;
const JOIN = '{"type":"join","node_id":"n"}';

/** A system that has `/relay/<id>` too, and whose clients begin with a join: it gives back what they send. */
class JoinFirstDialect extends EchoDialect {
  override readonly prefix = "/mesh";

  override claims({ path }: { readonly path: string }): boolean {
    return path.startsWith("/relay/");
  }

  override claimsFirst(message: Uint8Array, isBinary: boolean): boolean {
    return !isBinary && Buffer.from(message).toString() === JOIN;
  }
}

function startWithBoth(changes: Partial<Config> = {}, clock?: FakeClock): Promise<TestRelay> {
  return startRelay(changes, clock, {
    createDialects: (parts, names) => [new JoinFirstDialect(parts), ...createDialects(parts, names)],
  });
}

it("speaks the dialects that are named and no other", async () => {
  const relay = await startRelay({ dialects: ["pair"] });

  const statuses = await Promise.all(
    ["/relay/x", "/pair/relay/x", "/", PIPE, "/plures"].map((path) => statusOfUpgrade(relay, path)),
  );

  expect(statuses).toEqual(["open", "open", 404, 404, 404]);
});

it("does not start with a dialect that there is not, and says which there are", async () => {
  await expect(startRelay({ dialects: ["topic", "tropic"] })).rejects.toThrow(
    "DIALECTS, LISTEN or VIRTUAL_HOSTS names tropic; there are mailbox, topic, raw, mesh, pair, agent",
  );
});

it("[PATH-1] tells two systems of one address apart by the first message, and by the prefix without one", async () => {
  const relay = await startWithBoth();
  const [mesh, other] = [await PlainClient.open(relay, "/relay/x"), await PlainClient.open(relay, "/mesh/relay/x")];
  mesh.send(JOIN);
  mesh.send("mine");
  other.send("not a join");
  await mesh.hears(JOIN, "mine");
  await other.hears("not a join");
  const [a, b] = [await PlainClient.open(relay, "/relay/x"), await PlainClient.open(relay, "/pair/relay/x")];

  a.send("to the other half");
  b.send(JOIN);

  await b.hears("to the other half");
  await a.hears(JOIN);
});

it("[PATH-2] takes a client that only listens for a waiting half, in the order of arrival", async () => {
  const relay = await startWithBoth();
  const silent = await PlainClient.open(relay, "/relay/x");
  const speaking = await PlainClient.open(relay, "/relay/x");

  speaking.send("hello");
  await silent.hears("hello");
  // It is a half of a pair for good: what another system would take for its own is for the other half.
  silent.send(JOIN);
  await speaking.hears(JOIN);
  const third = await PlainClient.open(relay, "/relay/x");
  third.send("me too");

  expect(await third.closed()).toEqual({ code: 1008, reason: "Session full" });
  expect(relay.figures().connections).toBe(2);
});

it("[PATH-3] gives the seat of a client that turns out to be of the other system to the next one", async () => {
  const relay = await startWithBoth();
  const mesh = await PlainClient.open(relay, "/relay/x");
  const [a, b] = [await PlainClient.open(relay, "/relay/x"), await PlainClient.open(relay, "/relay/x")];

  mesh.send(JOIN);
  await mesh.hears(JOIN);
  b.send("hello");

  await a.hears("hello");
  mesh.socket.close();
  await mesh.closed();
  a.send("still a pair");
  await b.hears("still a pair");
});

it("[PATH-4] keeps a silent client beyond the time to join, and as long as a half may wait", async () => {
  const clock = new FakeClock();
  const relay = await startWithBoth({ pairWaitTimeoutMs: 60_000 }, clock);
  const silent = await PlainClient.open(relay, "/relay/x");

  for (let index = 0; index < 8; index += 1) {
    await silent.settled();
    clock.advance(5000);
  }
  for (let index = 0; index < 5; index += 1) {
    await Promise.race([silent.settled(), silent.closed()]);
    clock.advance(5000);
  }

  expect(await silent.closed()).toEqual({ code: 1008, reason: "no partner in time" });
  expect(relay.figures().peers).toBe(0);
});

it("closes a silent half with the other one, and leaves two silent ones alone", async () => {
  const relay = await startWithBoth();
  const [a, silent] = [await PlainClient.open(relay, "/relay/x"), await PlainClient.open(relay, "/relay/x")];
  const [one, two] = [await PlainClient.open(relay, "/relay/y"), await PlainClient.open(relay, "/relay/y")];
  a.send("hello");
  await silent.hears("hello");

  a.socket.close();
  one.socket.close();

  expect(await silent.closed()).toEqual({ code: 1000, reason: "" });
  await one.closed();
  await eventually(() => expect(relay.figures().connections).toBe(1));
  two.send("nobody there");
  await two.settled();
});

it("counts a silent client in the access log once, when it is known whose it is", async () => {
  const relay = await startWithBoth({ accessLog: "all" });
  const [silent, mesh] = [await PlainClient.open(relay, "/relay/x"), await PlainClient.open(relay, "/relay/y")];
  mesh.send(JOIN);
  await mesh.hears(JOIN);
  silent.socket.close();
  mesh.socket.close();
  await eventually(() => expect(relay.figures().connections).toBe(0));

  const connects = relay.logLines().filter(({ msg }) => msg === "connect");

  expect(new Set(connects.map(({ dialect }) => dialect))).toEqual(new Set(["echo", "pair"]));
  expect(connects).toHaveLength(2);
});

it("[TOPIC-17] answers /health under a prefix in that system's shape, and on its own where no prefix is", async () => {
  const relay = await startRelay();
  await openClassic(relay, "t", "a");

  const { body } = await ask(relay, "/plures/health", {});

  expect(body).toMatch(/^{"status":"healthy","topics":1,"peers":1,"uptime":[\d.]+}$/);
  expect((await ask(relay, "/plures/", {})).status).toBe(404);
  expect((await ask(relay, "/plures/stats", {})).status).toBe(404);
  expect((await ask(relay, "/pair/", {})).status).toBe(404);
});

it.each([[PIPE], ["/gun"], ["/relay/x"]])(
  "takes the grant of %s from the upgrade where the relay wants tokens, and closes whoever has none with 4004",
  async (path) => {
    const relay = await startRelay(await tokenOptions());
    const headers = { authorization: `Bearer ${await token({ claims: { topics: [path] } })}` };
    const wrong = { authorization: `Bearer ${await token({ claims: { topics: ["/topic/else"] } })}` };

    const [a, b] = [await PlainClient.open(relay, path, { headers }), await PlainClient.open(relay, path, { headers })];
    const [stranger, other] = [
      await PlainClient.open(relay, path),
      await PlainClient.open(relay, path, { headers: wrong }),
    ];

    expect(await stranger.closed()).toEqual({ code: 4004, reason: "missing" });
    expect(await other.closed()).toEqual({ code: 4004, reason: "not-permitted" });
    a.send('{"#":"a","@":"b"}');
    await b.hears('{"#":"a","@":"b"}');
  },
);

it("leaves the waiting half alone that a stranger without a grant wants for a partner", async () => {
  const relay = await startRelay(await tokenOptions());
  const headers = { authorization: `Bearer ${await token({ claims: { topics: ["/relay/*"] } })}` };
  const a = await PlainClient.open(relay, "/relay/x", { headers });

  const stranger = await PlainClient.open(relay, "/relay/x");
  expect(await stranger.closed()).toEqual({ code: 4004, reason: "missing" });
  const b = await PlainClient.open(relay, "/relay/x", { headers });
  a.send("hello");

  await b.hears("hello");
});

it("closes with 4004 who sends to a pipe that its token lets it only read, and delivers nothing of it", async () => {
  const relay = await startRelay(await tokenOptions());
  const headers = { authorization: `Bearer ${await token({ claims: { topics: [PIPE] } })}` };
  const reading = { authorization: `Bearer ${await token({ claims: { topics: [PIPE], verbs: ["join"] } })}` };
  const a = await PlainClient.open(relay, PIPE, { headers });
  const reader = await PlainClient.open(relay, PIPE, { headers: reading });

  a.send("news");
  await reader.hears("news");
  reader.send("mine");

  expect(await reader.closed()).toEqual({ code: 4004, reason: "not-permitted" });
  expect(a.heard).toEqual([]);
});

it("listens on further ports, each for its own dialects in the original's layout, with and without TLS", async () => {
  const [plain, tls] = [await freePort(), await freePort()];
  const relay = await startRelay({
    adminToken: ADMIN_TOKEN,
    dialects: ["topic"],
    listen: [`ws:${plain}=pair`, `wss:${tls}=topic+raw`],
  });
  const atPlain = { url: `ws://127.0.0.1:${plain}` };
  const atTls = { url: `wss://localhost:${tls}` };
  const [a, b] = [
    await PlainClient.open(relay, "/relay/x", atPlain),
    await PlainClient.open(relay, "/pair/relay/x", atPlain),
  ];
  const [c, d] = [await PlainClient.open(relay, PIPE, atTls), await PlainClient.open(relay, PIPE, atTls)];
  const anyPath = await PlainClient.open(relay, "/any/path", atTls);

  a.send("a pair");
  c.send("a pipe");
  anyPath.send('{"type":"join"}');

  await b.hears("a pair");
  await d.hears("a pipe");
  await eventually(() => expect(anyPath.heard).toEqual(['{"type":"error","payload":"Topic is required for join"}']));
  expect(await Promise.all(["/relay/x", PIPE, "/pair/relay/x"].map((path) => statusOfUpgrade(relay, path)))).toEqual([
    404, 404, 404,
  ]);
  expect((await ask(relay, "/health", { plainPort: plain })).body).toMatch(/^{"status":"ok","sessions":1,/);
  expect((await ask(relay, "/stats", { plainPort: plain })).body).toMatch(/^{"total_sessions":1,/);
  expect((await ask(relay, "/ready", { plainPort: plain })).status).toBe(200);
  expect((await ask(relay, "/status", { plainPort: plain })).status).toBe(404);
  expect((await ask(relay, "/metrics", { plainPort: plain })).status).toBe(404);
  expect((await ask(relay, "/health", {})).body).toMatch(/^{"status":"healthy","version"/);
});

it("keeps a port without TLS to this machine, but where it is forced, and closes all ports at the stop", async () => {
  const [local, anywhere] = [await freePort(), await freePort()];
  const relay = await startRelay({
    host: "0.0.0.0",
    listen: [`ws:${local}=pair`, `ws-anywhere:${anywhere}=pair`],
  });

  const hosts = relay.logLines().filter(({ msg }) => msg === "listening on a further port");

  expect(hosts).toMatchObject([
    { host: "127.0.0.1", port: local },
    { host: "0.0.0.0", port: anywhere },
  ]);
  await relay.stop();
  for (const port of [local, anywhere]) await expect(reach(port)).rejects.toThrow("ECONNREFUSED");
});

it("does not start, and leaves no port open, where one of them is taken", async () => {
  const [free, taken] = [await freePort(), await freePort()];
  const other = createServer().listen(taken, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");

  await expect(startRelay({ listen: [`ws:${free}=pair`, `ws:${taken}=pair`] })).rejects.toThrow(
    /another port with LISTEN or --listen/,
  );

  await expect(reach(free)).rejects.toThrow("ECONNREFUSED");
});

it.each([
  ["TLS is off", { LISTEN: "wss:8443=pair", TLS: "off" }, "LISTEN has a port with TLS, and TLS is off"],
  ["it is the relay's own", { LISTEN: "ws:8443=pair", PORT: "8443" }, "LISTEN is 8443, which is PORT too"],
  ["it is there twice", { LISTEN: "ws:81=pair,wss:81=raw" }, "LISTEN has port 81 twice"],
  ["it has no dialect", { LISTEN: "ws:81=" }, "LISTEN is"],
  ["it is no port", { LISTEN: "ws:65536=pair" }, "LISTEN is"],
])("refuses a further port where %s", (_title, env, sentence) => {
  expect(() => loadConfig({ flags: {}, env })).toThrow(sentence);
});

async function reach(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}

/** Asks for an address under a name that the machine does not have. */
const named = (host: string): { readonly headers: Readonly<Record<string, string>> } => ({ headers: { host } });

it("is at a virtual host the system that is named for it, and at any other name what it always is", async () => {
  const relay = await startRelay({
    adminToken: ADMIN_TOKEN,
    dialects: ["topic"],
    virtualHosts: ["pairs.example.com=pair", "old.example.com=topic+raw"],
  });
  const [a, b] = [
    await PlainClient.open(relay, "/relay/x", named("pairs.example.com")),
    await PlainClient.open(relay, "/pair/relay/x", named("PAIRS.example.com.:8443")),
  ];
  const [c, d] = [
    await PlainClient.open(relay, PIPE, named("old.example.com")),
    await PlainClient.open(relay, PIPE, named("old.example.com:443")),
  ];

  a.send("a pair");
  c.send("a pipe");

  await b.hears("a pair");
  await d.hears("a pipe");
  const statusAt = async (path: string, host: string): Promise<unknown> => {
    const { status } = await ask(relay, path, named(host));
    return status;
  };
  expect(await Promise.all(["/relay/x", PIPE].map((path) => statusOfUpgrade(relay, path)))).toEqual([404, 404]);
  expect((await ask(relay, "/health", named("pairs.example.com"))).body).toMatch(/^{"status":"ok","sessions":1,/);
  expect((await ask(relay, "/stats", named("pairs.example.com"))).body).toMatch(/^{"total_sessions":1,/);
  expect((await ask(relay, "/health", named("other.example.com"))).body).toMatch(/^{"status":"healthy","version"/);
  expect(await statusAt("/ready", "pairs.example.com")).toBe(200);
});

const asPerson = (host: string): ReturnType<typeof named> => ({ headers: { host, accept: "text/html" } });

it("shows people no page of its own at a virtual host, where they would try another system", async () => {
  const relay = await startRelay({ virtualHosts: ["pairs.example.com=pair"] });

  expect((await ask(relay, "/", asPerson("localhost"))).status).toBe(200);
  expect((await ask(relay, "/", asPerson("pairs.example.com"))).status).toBe(404);
});

it("keeps a port of its own for its dialects, whatever Host an attacker writes", async () => {
  const port = await freePort();
  const relay = await startRelay({ listen: [`ws:${port}=pair`], virtualHosts: ["old.example.com=topic+raw"] });
  const atPort = { ...relay, url: `ws://127.0.0.1:${port}` };
  const { headers } = named("old.example.com");

  const statuses = await Promise.all(["/relay/x", PIPE].map((path) => statusOfUpgrade(atPort, path, headers)));

  expect(statuses).toEqual(["open", 404]);
});

it.each([
  ["it is there twice", { VIRTUAL_HOSTS: "a.example=pair,a.example=raw" }, "VIRTUAL_HOSTS has a.example twice"],
  ["it has no dialect", { VIRTUAL_HOSTS: "a.example=" }, "VIRTUAL_HOSTS is"],
  ["it is an address", { VIRTUAL_HOSTS: "192.0.2.1=pair" }, "VIRTUAL_HOSTS is"],
  ["it has a port", { VIRTUAL_HOSTS: "a.example:8443=pair" }, "VIRTUAL_HOSTS is"],
  [
    "no certificate is for it",
    { VIRTUAL_HOSTS: "a.example=pair", TLS: "acme", DOMAIN: "relay.example.com" },
    "VIRTUAL_HOSTS has a.example and DOMAIN does not",
  ],
  [
    "its dialect keeps accounts, and processes share a port",
    { VIRTUAL_HOSTS: "a.example=mesh", REUSE_PORT: "true" },
    "keeps accounts",
  ],
])("refuses a virtual host where %s", (_title, env, sentence) => {
  expect(() => loadConfig({ flags: {}, env })).toThrow(sentence);
});
