import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import {
  Founder,
  found,
  joinMesh,
  memberOf,
  openNode,
  refusalOf,
  startMesh,
  startMeshRelay,
  toldNode,
  typesTo,
} from "../support/mesh.ts";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";
import { token as grantOf, tokenOptions } from "../support/tokens.ts";

function joinOf(nodeId: string): Record<string, unknown> {
  return { type: "join", node_id: nodeId };
}

it("[MESH-22] a node that joins again and again is told to come later, and its connection stays", async () => {
  const relay = await startMeshRelay({ meshJoinsPerMinute: 2 });
  await joinMesh(relay, "open", joinOf("a"));
  const second = await joinMesh(relay, "open", joinOf("a"));

  const refused = await refusalOf(await openNode(relay, "open", joinOf("a")));

  expect(refused).toEqual(["RATE_LIMITED", "This node joins too often; try again later", 1013, "try again later"]);
  await second.settled();
  await joinMesh(relay, "open", joinOf("b"));
  await joinMesh(relay, "elsewhere", joinOf("a"));
});

it("[MESH-22] joins that are refused do not count: a stranger cannot lock a node out by its name", async () => {
  const relay = await startMeshRelay({ meshJoinsPerMinute: 2 });
  const { founder, token } = await startMesh(relay);
  for (let index = 0; index < 5; index += 1)
    await refusalOf(await openNode(relay, founder.meshId, { type: "join", node_id: "victim" }));

  await joinMesh(relay, founder.meshId, memberOf("victim", token));
});

it("[MESH-22] a network that registers mesh after mesh is held back, and so are all where there are as many as may be", async () => {
  const relay = await startMeshRelay({ meshRegistrationsPerHour: 3, maxMeshes: 2 });
  await found(relay, new Founder());
  const last = new Founder();
  await found(relay, last);

  const full = await refusalOf(await openNode(relay, "m", new Founder("m").registration()));
  const tooMany = await refusalOf(await openNode(relay, "m", new Founder("m").registration()));

  expect([full[1], full[2]]).toEqual(["As many are kept as may be", 1013]);
  expect([tooMany[1], tooMany[2]]).toEqual(["Too many registrations from this network; try again later", 1013]);
  // Who is registered comes back as ever.
  await found(relay, last);
});

it("[MESH-22] what a node says of itself has bounds, and what is more is left out", async () => {
  const relay = await startMeshRelay();
  const other = await joinMesh(relay, "open", { type: "join", node_id: "other" });

  await joinMesh(relay, "open", {
    type: "join",
    node_id: "a",
    name: "n".repeat(10_000),
    capabilities: ["x".repeat(65), 5, null, ...Array.from({ length: 100 }, (_, index) => `c${index}`)],
  });

  const joined = toldNode(other).at(-1) as { name: string; capabilities: string[] };
  expect([joined.name.length, joined.capabilities.length, joined.capabilities[0]]).toEqual([128, 64, "c0"]);
  const long = await openNode(relay, "open", { type: "join", node_id: "i".repeat(129) });
  expect(await long.closed()).toEqual({ code: 1008, reason: "node_id required" });
});

it("[MESH-22] messages before a join end at a few, and where there is no mesh there are none", async () => {
  const relay = await startMeshRelay();
  await joinMesh(relay, "open", { type: "join", node_id: "a" });
  const many = await openNode(relay, "open", '{"type":"ping"}');
  const none = await openNode(relay, "nowhere", '{"type":"ping"}');

  for (let index = 0; index < 8; index += 1) many.send('{"type":"ping"}');

  const close = { code: 1008, reason: "First message must be register_mesh or join" };
  expect([await many.closed(), await none.closed()]).toEqual([close, close]);
});

it("[MESH-18] no page and no log line has the id of a mesh, of a node, a nonce or a key", async () => {
  const relay = await startMeshRelay({ accessLog: "all", adminToken: ADMIN_TOKEN });
  const { founder, victim, token } = await startMesh(relay);
  await refusalOf(await openNode(relay, founder.meshId, memberOf("thief-node", token)));
  victim.socket.terminate();

  const pages = await Promise.all(
    ["/stats", "/health", "/mesh/stats", "/mesh/health", "/metrics", "/status"].map((path) => askAsAdmin(relay, path)),
  );

  const shown = pages.map(({ body }) => body).join("\n") + JSON.stringify(relay.logLines());
  const { nonce, signature } = token;
  for (const secret of [founder.meshId, founder.node.id, founder.mesh.base64, "victim", "thief-node", nonce, signature])
    expect(shown).not.toContain(secret);
});

it("a mesh that an operator revokes is closed, to its founder too, also after a restart", async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-meshes-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  const options = { accountStore: "directory", stateDirectory, adminToken: ADMIN_TOKEN } as const;
  const relay = await startMeshRelay(options);
  const { founder, first, victim, token } = await startMesh(relay);

  const answer = await askAsAdmin(relay, "/status/revoke", { form: { account: founder.meshId, confirm: "yes" } });

  expect(answer.status).toBe(200);
  const close = { code: 1008, reason: "Mesh revoked" };
  expect([await first.closed(), await victim.closed()]).toEqual([close, close]);
  await relay.stop();
  const again = await startMeshRelay(options);
  expect((await refusalOf(await openNode(again, founder.meshId, founder.registration())))[1]).toBe("Mesh revoked");
  expect((await refusalOf(await openNode(again, founder.meshId, memberOf("victim", token))))[1]).toBe("Mesh revoked");
  expect(JSON.parse((await askAsAdmin(again, "/stats")).body)).toMatchObject({ details: { latest_registrations: [] } });
});

it("[MESH-21] where nothing can be written, founders and new tokens are told to come later, and those that are known come in", async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-meshes-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  const options = { accountStore: "directory", stateDirectory } as const;
  const relay = await startMeshRelay(options);
  const { founder, token } = await startMesh(relay);
  // Another relay at the same directory: each would take back what the other keeps.
  await startMesh(await startMeshRelay(options));

  const registration = await refusalOf(await openNode(relay, "m", new Founder("m").registration()));
  const invitation = await refusalOf(await openNode(relay, founder.meshId, memberOf("late", founder.token())));

  const sentence = "This cannot be kept now; try again later";
  expect(registration).toEqual(["REGISTRATION_FAILED", sentence, 1013, "try again later"]);
  expect(invitation).toEqual(["TOKEN_INVALID", sentence, 1013, "try again later"]);
  await joinMesh(relay, founder.meshId, memberOf("victim", token));
});

it("with AUTH=tokens nobody is let in without a grant for the mesh", async () => {
  const relay = await startRelay({ dialects: ["mesh"], accountStore: "memory", ...(await tokenOptions()) });
  const openWith = async (topics: string[] | undefined): Promise<PlainClient> => {
    const grant = topics && (await grantOf({ claims: { topics } }));
    const headers = grant === undefined ? {} : { authorization: `Bearer ${grant}` };
    const client = await PlainClient.open(relay, "/mesh/relay/m-1", { headers });
    client.send('{"type":"join","node_id":"a"}');
    return client;
  };

  const [none, other, right] = [
    await openWith(undefined),
    await openWith(["/relay/m-2"]),
    await openWith(["/relay/m-1"]),
  ];

  expect(await none.closed()).toEqual({ code: 4004, reason: "missing" });
  expect(await other.closed()).toEqual({ code: 4004, reason: "not-permitted" });
  await eventually(() => expect(typesTo(right)).toEqual(["joined", "peers"]));
  expect((await ask(relay, "/mesh/health")).status).toBe(200);
});
