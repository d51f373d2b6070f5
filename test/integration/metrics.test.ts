import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { latencyMetric, metricsTable } from "../../relay/observability/metrics-table.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { Client, openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { openTls } from "../support/tls-client.ts";

it("gives every metric of the table and no other, each with its type and its help", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  const { status, headers, body } = await askAsAdmin(relay, "/metrics");

  const rows = [...metricsTable, latencyMetric];
  const lines = body.split("\n");
  expect(status).toBe(200);
  expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(lines.filter((line) => line.startsWith("# TYPE")).toSorted()).toEqual(
    rows.map(({ name, type }) => `# TYPE ${name} ${type}`).toSorted(),
  );
  for (const { name, help } of rows) expect(lines).toContain(`# HELP ${name} ${help}`);
});

it("counts messages, bytes and deliveries by client and encoding", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const classic = await openClassic(relay, "t", "s");
  const [text] = await openV1(relay, "t", "x");
  const binary = await Client.openV1(relay);
  binary.send({ type: "join", topic: "t", encoding: "binary" });
  await binary.next();
  const before = await scrape(relay);

  classic.send('{"type":"data","data":"aGVsbG8="}');
  await eventually(async () => {
    const change = await changeSince(before, relay);

    const classicWay = '{dialect="topic",client="classic",encoding="json"}';
    const textWay = '{dialect="topic",client="postern.v1",encoding="json"}';
    const binaryWay = '{dialect="topic",client="postern.v1",encoding="binary"}';
    expect(change(`relay_messages_received_total${classicWay}`)).toBe(1);
    expect(change(`relay_bytes_received_total${classicWay}`)).toBe(33);
    expect(change(`relay_messages_sent_total${classicWay}`)).toBe(0);
    expect(change(`relay_messages_sent_total${textWay}`)).toBe(1);
    expect(change(`relay_messages_sent_total${binaryWay}`)).toBe(1);
    // Two bytes of frame header, twelve of the layout, five of "hello".
    expect(change(`relay_bytes_sent_total${binaryWay}`)).toBe(19);
    expect(change("relay_messages_published_total")).toBe(1);
    expect(change("relay_message_duration_seconds_count")).toBeGreaterThan(0);
  });
  text.send({ type: "data", topic: "nowhere", data: "aGk=" });
  await eventually(async () => {
    expect((await changeSince(before, relay))('relay_messages_rejected_total{code="not-joined"}')).toBe(1);
  });
});

it("follows a member that asks for another encoding", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const classic = await openClassic(relay, "t", "s");
  const [client] = await openV1(relay, "t", "x");
  client.send({ type: "join", topic: "t", peerId: "x", encoding: "binary" });
  await client.next();

  classic.send('{"type":"data","data":"aGVsbG8="}');

  await eventually(async () => {
    const metrics = await scrape(relay);
    expect(metrics.get('relay_messages_sent_total{dialect="topic",client="postern.v1",encoding="binary"}')).toBe(1);
    expect(metrics.get('relay_messages_sent_total{dialect="topic",client="postern.v1",encoding="json"}')).toBe(0);
  });
});

it("counts who comes, who is refused, who joins and who goes", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const [stays, goes] = [await openClassic(relay, "t", "a"), await openClassic(relay, "u", "b")];
  await Client.open(relay);
  goes.socket.close(1000);
  await goes.closed();
  await refusedUpgrade(relay, "/nowhere");

  await eventually(async () => {
    const metrics = await scrape(relay);
    expect(metrics.get("relay_connections_active")).toBe(2);
    expect(metrics.get("relay_connections_undecided")).toBe(1);
    expect(metrics.get('relay_connections_total{dialect="topic",client="classic"}')).toBe(3);
    expect(metrics.get('relay_connections_closed_total{reason="normal"}')).toBe(1);
    expect(metrics.get('relay_connection_errors_total{reason="no-such-path"}')).toBe(1);
    expect(metrics.get("relay_topics")).toBe(1);
    expect(metrics.get("relay_members")).toBe(1);
    expect(metrics.get("relay_joins_total")).toBe(2);
    expect(metrics.get("relay_leaves_total")).toBe(1);
  });
  await stays.expectNothing();
});

it("counts TLS handshakes that succeed and that fail, by what was wrong", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const before = await scrape(relay);

  await openTls(relay);
  await openTls(relay, { maxVersion: "TLSv1.1", minVersion: "TLSv1" }).catch(() => undefined);

  await eventually(async () => {
    const change = await changeSince(before, relay);
    // The scrape itself is one.
    expect(change("relay_tls_handshakes_total")).toBeGreaterThanOrEqual(2);
    expect(change('relay_tls_handshake_failures_total{reason="protocol"}')).toBe(1);
  });
});

it("counts down to the end of the certificate, and tells of none without TLS", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ adminToken: ADMIN_TOKEN }, clock);
  const adminPort = await freePort();
  const plain = await startRelay({ tls: "off", adminPort });

  const before = (await scrape(relay)).get("relay_certificate_expiry_seconds") ?? 0;
  clock.jumpEpoch(366 * 86_400_000);
  const after = (await scrape(relay)).get("relay_certificate_expiry_seconds") ?? 0;
  const { body } = await ask(plain, "/metrics", { plainPort: adminPort });

  expect(before - after).toBe(366 * 86_400);
  expect(after).toBeLessThan(0);
  expect(body).not.toMatch(/^relay_certificate_expiry_seconds /m);
});

it("holds no topic, no peer, no payload, no address and no token, whatever clients and scrapers send", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const a = await openClassic(relay, "secret-topic\n# TYPE evil counter\nevil 1", "secret-peer");
  a.send({ type: "data", data: "c2VjcmV0LXBheWxvYWQ=" });
  await a.settled();
  await refusedUpgrade(relay, "/secret-path");
  await ask(relay, "/metrics", { headers: { authorization: "Bearer secret-token-guessed" } });

  const { body } = await askAsAdmin(relay, "/metrics");

  expect(body).not.toMatch(/secret|evil|c2VjcmV0|127\.0\.0\.1|::1|localhost/);
});

it("shows the details of /stats to the admin alone, and the same counts as ever to all", async () => {
  // Time stands still between the two answers.
  const relay = await startRelay({ adminToken: ADMIN_TOKEN }, new FakeClock());
  await openClassic(relay, "secret-topic", "a");

  const open = await ask(relay, "/stats");
  const detailed = await askAsAdmin(relay, "/stats");
  const wrong = await ask(relay, "/stats", { headers: { authorization: "Bearer wrong-token-wrong-token" } });

  expect(Object.keys(JSON.parse(open.body) as object)).not.toContain("details");
  expect(JSON.parse(detailed.body)).toMatchObject({
    ...(JSON.parse(open.body) as object),
    uptime_seconds: expect.any(Number),
    details: {
      state: "running",
      members: 1,
      refused: { "no-such-path": 0 },
      largest_topics: [{ topic: expect.stringMatching(/^[0-9a-f]{12}$/), members: 1, messages: 0, bytes: 0 }],
      recent_refusals: [],
    },
  });
  expect(detailed.body).not.toContain("secret-topic");
  expect(wrong.status).toBe(401);
});

type Scrape = ReadonlyMap<string, number>;

/** Values by name and labels. */
async function scrape(relay: TestRelay): Promise<Scrape> {
  const { body } = await askAsAdmin(relay, "/metrics");
  return new Map(
    body
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

async function changeSince(before: Scrape, relay: TestRelay): Promise<(name: string) => number> {
  const after = await scrape(relay);
  return (name) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
}

function refusedUpgrade(relay: TestRelay, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${relay.url}${path}`, { ca: relay.certificate });
    socket.on("unexpected-response", () => {
      socket.terminate();
      resolve();
    });
    socket.on("open", () => reject(new Error("the upgrade was not refused")));
    socket.on("error", () => undefined);
  });
}
