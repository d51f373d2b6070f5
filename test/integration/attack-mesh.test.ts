import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  createMeshKey,
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
import { startRelay } from "../support/relay.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";

const DAY_MS = 86_400_000;
const REPLAYED = "Token already used by another device (replay)";

it("[MESH-2] [MESH-9] a join that is refused, whatever it names, throws nobody out, and nobody hears of it", async () => {
  const relay = await startMeshRelay();
  const { founder, first, victim, token } = await startMesh(relay);
  const other = new Founder();
  const attempts = [
    { type: "join", node_id: "victim" },
    memberOf("victim", "test-token"),
    memberOf("victim", { ...token, nonce: "another" }),
    memberOf("victim", other.token({ mesh_id: founder.meshId })),
    memberOf("victim", founder.token({ expires_at: 1 })),
    { type: "join", node_id: founder.node.id },
    { type: "register_mesh", node_id: "victim" },
    JSON.parse(founder.registration({ founder_proof: other.proofBy(other.mesh) })) as object,
    { type: "register_mesh", node_id: "victim", mesh_public_key: "x", founder_proof: "x" },
  ];

  for (const attempt of attempts) {
    const [code, , close] = await refusalOf(await openNode(relay, founder.meshId, { ...attempt }));
    expect([code, close]).toEqual([expect.stringMatching(/^(TOKEN|REGISTRATION|MISSING)_/), 1008]);
  }

  victim.send('{"type":"broadcast","payload":{"still":"here"}}');
  await eventually(() => expect(typesTo(first).slice(3)).toEqual(["peer_joined", "message"]));
  await victim.settled();
  expect(typesTo(victim)).toEqual(["joined", "peers"]);
});

it("[MESH-8] a token of one's own mesh opens no other", async () => {
  const relay = await startMeshRelay();
  const { founder } = await startMesh(relay);
  const attacker = new Founder();
  await found(relay, attacker);

  const refused = await refusalOf(await openNode(relay, founder.meshId, memberOf("spy", attacker.token())));

  const reason = "Token for another mesh";
  expect(refused).toEqual(["TOKEN_INVALID", reason, 1008, `Token verification failed: ${reason}`]);
});

it("[MESH-10] the id of a founder alone opens nothing, neither does an invitation for anybody, nor another's key", async () => {
  const relay = await startMeshRelay();
  const founder = new Founder();
  await found(relay, founder);
  const attacker = new Founder(founder.meshId);
  const id = founder.node.id;
  const attempts = [
    { type: "join", node_id: id },
    memberOf(id, founder.token()),
    JSON.parse(founder.registration({ founder_proof: "AA==" })) as object,
    JSON.parse(
      founder.registration({ founder_proof: attacker.proofBy(attacker.node), node_public_key: attacker.node.base64 }),
    ) as object,
    JSON.parse(
      founder.registration({ founder_proof: attacker.proofBy(attacker.mesh), mesh_public_key: attacker.mesh.base64 }),
    ) as object,
    JSON.parse(attacker.registration()) as object,
    JSON.parse(attacker.registration({ mesh_public_key: founder.mesh.base64 })) as object,
  ];

  const refused = await Promise.all(
    attempts.map(async (attempt) => (await refusalOf(await openNode(relay, founder.meshId, { ...attempt })))[1]),
  );

  expect(refused).toEqual([
    "This mesh requires a token to join",
    "Token not bound to the founder",
    "Invalid founder proof: no signature of the mesh's or the founder's key",
    "Invalid founder proof: no signature of the mesh's or the founder's key",
    "Invalid founder proof: the mesh has another key",
    "Mesh already registered by different founder",
    "Mesh already registered by different founder",
  ]);
  // What is a proof: its own signature, that of the mesh's key, or a token for it alone.
  await found(relay, founder);
  await joinMesh(
    relay,
    founder.meshId,
    founder.registration({ founder_proof: founder.proofBy(founder.mesh), node_public_key: "" }),
  );
  const bound = await joinMesh(relay, founder.meshId, memberOf(id, founder.token({ node_id: id })));
  expect(typesTo(bound)).toEqual(["joined", "peers"]);
});

it("[MESH-20] nobody founds a mesh whose id is of another key, or under a node's id that is of another key", async () => {
  const relay = await startMeshRelay();
  const founder = new Founder();
  const squatter = new Founder(founder.meshId);
  const named = new Founder("a-name-of-no-key");

  const refused = [
    await refusalOf(await openNode(relay, founder.meshId, squatter.registration())),
    await refusalOf(
      await openNode(relay, founder.meshId, squatter.registration({ founder_proof: squatter.proofBy(squatter.mesh) })),
    ),
    await refusalOf(await openNode(relay, named.meshId, named.registration({ node_id: founder.node.id }))),
    await refusalOf(
      await openNode(
        relay,
        named.meshId,
        named.registration({ founder_proof: named.proofBy(named.node, "another-mesh") }),
      ),
    ),
  ].map(([, message]) => message);

  expect(refused).toEqual([
    "Invalid founder proof: the mesh id is of another key",
    "Invalid founder proof: the mesh id is of another key",
    "Invalid founder proof: no signature of the mesh's or the founder's key",
    "Invalid founder proof: no signature of the mesh's or the founder's key",
  ]);
  await found(relay, founder);
  await found(relay, named);
});

it("[MESH-20] who has the key of a mesh is its founder, whoever registered it before with a key of a node", async () => {
  const relay = await startMeshRelay();
  const founder = new Founder();
  const thief = createMeshKey();
  // The key of a mesh is known to its members: one of them comes first.
  await joinMesh(
    relay,
    founder.meshId,
    founder.registration({ node_id: thief.id, node_public_key: thief.base64, founder_proof: founder.proofBy(thief) }),
  );

  const back = await joinMesh(
    relay,
    founder.meshId,
    founder.registration({ founder_proof: founder.proofBy(founder.mesh) }),
  );

  expect(typesTo(back)[0]).toBe("mesh_registered");
  const again = founder.registration({
    node_id: thief.id,
    node_public_key: thief.base64,
    founder_proof: founder.proofBy(thief),
  });
  expect((await refusalOf(await openNode(relay, founder.meshId, again)))[1]).toBe(
    "Mesh already registered by different founder",
  );
});

it("[MESH-25] an invitation for anybody throws out no node that is connected with another one", async () => {
  const relay = await startMeshRelay();
  const { founder, victim, token } = await startMesh(relay);

  const refused = await refusalOf(await openNode(relay, founder.meshId, memberOf("victim", founder.token())));

  expect(refused[1]).toBe("Node is connected with another token");
  await victim.settled();
  // Its own token does, and one that is for it.
  await joinMesh(relay, founder.meshId, memberOf("victim", token));
  await joinMesh(relay, founder.meshId, memberOf("victim", founder.token({ node_id: "victim" })));
});

it("[MESH-21] of many who come with the same token at once one gets in", async () => {
  const relay = await startMeshRelay();
  const { founder } = await startMesh(relay);
  const token = founder.token();

  const nodes = await Promise.all(
    Array.from({ length: 10 }, (_, index) => openNode(relay, founder.meshId, memberOf(`n${index}`, token))),
  );
  await Promise.all(
    nodes.map((node) => Promise.race([node.closed(), eventually(() => expect(typesTo(node)).toContain("peers"))])),
  );

  expect(nodes.filter((node) => typesTo(node).includes("joined"))).toHaveLength(1);
});

it("[MESH-23] a calendar that is set forward, and back, gives a used token to no second node", async () => {
  const clock = new ShiftedClock();
  const relay = await startRelay({ dialects: ["mesh"], accountStore: "memory" }, clock);
  const { founder, token } = await startMesh(relay);

  clock.shift(30 * DAY_MS);
  const late = await refusalOf(await openNode(relay, founder.meshId, memberOf("thief", token)));
  clock.shift(-30 * DAY_MS);
  const again = await refusalOf(await openNode(relay, founder.meshId, memberOf("thief", token)));

  expect([late[1], again[1]]).toEqual(["Token expired", REPLAYED]);
});

it.each([
  ["a number with a dot", (text: string) => text.replace(/"expires_at":(\d+)/, '"expires_at":$1.0')],
  ["a number with an exponent", (text: string) => text.replace(/"issued_at":(\d+)/, '"issued_at":$1e0')],
  ["a later end", (text: string) => text.replace(/"expires_at":(\d)/, '"expires_at":9$1')],
  ["a field twice", (text: string) => text.replace('"node_id":null', '"node_id":null,"node_id":"thief"')],
  [
    "a field twice, once with an escape",
    (text: string) => text.replace('"node_id":null', '"node_id":null,"node\\u005fid":"thief"'),
  ],
  ["a capability more", (text: string) => text.replace('["participant"]', '["participant","llm"]')],
  ["a nonce that is a number", (text: string) => text.replace(/"nonce":"[^"]*"/, '"nonce":7')],
  ["another nonce", (text: string) => text.replace(/"nonce":"./, '"nonce":"x')],
  ["a signature with spaces", (text: string) => text.replace(/"signature":"/, '"signature":" ')],
  ["a signature cut short", (text: string) => text.replace(/"signature":"..../, '"signature":"')],
  ["another issuer", (text: string) => text.replace(/"issuer_id":"./, '"issuer_id":"x')],
])("[MESH-6] a token that was changed to have %s is none", async (_, change) => {
  const relay = await startMeshRelay();
  const { founder } = await startMesh(relay);
  const changed = change(JSON.stringify(founder.token()));

  const refused = await refusalOf(
    await openNode(relay, founder.meshId, `{"type":"join","node_id":"thief","token":${changed}}`),
  );

  expect([refused[0], refused[1]]).toEqual(["TOKEN_INVALID", expect.stringMatching(/^Invalid token: /)]);
});

it("[MESH-6] a token with its fields in another order, other spaces and other escapes is the same token", async () => {
  const relay = await startMeshRelay();
  const { founder } = await startMesh(relay);
  const token = founder.token({ capabilities: ["a", "b"] });
  const fields = Object.entries({ ...token, capabilities: ["b", "\\u0061"] }).toReversed();
  const text = fields
    .map(([key, value]) => ` "${key}" :\t${JSON.stringify(value).replaceAll("\\\\u", "\\u")}`)
    .join(" ,\n");

  const node = await joinMesh(relay, founder.meshId, `{"type":"join","node_id":"phone","token":{${text}}}`);

  expect(typesTo(node)).toEqual(["joined", "peers"]);
});

it.each(["null", "[1]", "5", '"join"', "", "{", "\0", '{"type":null}', '{"type":["join"]}'])(
  "[MESH-14] a message of %j ends nobody's connection but that of who has not joined",
  async (message) => {
    const relay = await startMeshRelay();
    const { founder, first, victim } = await startMesh(relay);

    victim.send(message);
    victim.send(Buffer.from(message));
    victim.send('{"type":"broadcast","payload":{"n":1}}');

    await eventually(() => expect(typesTo(first).at(-1)).toBe("message"));
    const stranger = await openNode(relay, "nowhere", message);
    expect(await stranger.closed()).toEqual({ code: 1008, reason: "First message must be register_mesh or join" });
    expect(relay.logLines().filter(({ msg }) => msg === "session failed")).toEqual([]);
    expect(founder.meshId).toHaveLength(16);
  },
);

it("[MESH-15] what is wrong with a message is said in the relay's own words, and nothing of it is said again", async () => {
  const relay = await startMeshRelay();
  const { founder } = await startMesh(relay);
  const secret = randomBytes(12).toString("hex");

  const refused = await refusalOf(
    await openNode(relay, founder.meshId, memberOf("x", founder.token({ nonce: [secret] }))),
  );

  expect(refused).toEqual([
    "TOKEN_INVALID",
    "Invalid token: a field is not what it takes",
    1008,
    "Token verification failed: Invalid token: a field is not what it takes",
  ]);
});

it("[MESH-16] an answer that nobody asked this node for reaches nobody", async () => {
  const relay = await startMeshRelay();
  const open = (nodeId: string, capabilities: string[]) =>
    joinMesh(relay, "open", { type: "join", node_id: nodeId, capabilities });
  const [asker, provider, forger] = [
    await open("asker", []),
    await open("provider", ["llm"]),
    await open("forger", ["llm"]),
  ];
  asker.send('{"type":"llm_request","request_id":"r","prompt":"hi"}');
  await eventually(() => expect(typesTo(provider)).toContain("llm_request"));

  forger.send('{"type":"llm_response","target":"asker","request_id":"r","response":"forged"}');
  provider.send('{"type":"llm_response","target":"forger","request_id":"r","response":"unasked"}');
  provider.send('{"type":"llm_response","target":"asker","request_id":"other","response":"unasked"}');
  await Promise.all([forger.settled(), provider.settled()]);
  provider.send('{"type":"llm_response","target":"asker","request_id":"r","response":"true"}');

  await eventually(() => expect(toldNode(asker).at(-1)).toMatchObject({ type: "llm_response", response: "true" }));
  expect(typesTo(asker).filter((type) => type === "llm_response")).toHaveLength(1);
  expect(typesTo(forger)).not.toContain("llm_response");
});
