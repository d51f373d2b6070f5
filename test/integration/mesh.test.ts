import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { Founder, found, joinMesh, openNode, startMeshRelay, toldNode, typesTo } from "../support/mesh.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const OPEN = "open-mesh";

function joinOpen(relay: TestRelay, nodeId: string, fields: Record<string, unknown> = {}): Promise<PlainClient> {
  return joinMesh(relay, OPEN, { type: "join", node_id: nodeId, ...fields });
}

describe("a mesh", () => {
  it("[MESH-1] tells the others of a node first, then the node what it joined, and then who is there", async () => {
    const relay = await startMeshRelay();
    const founder = new Founder();
    const first = await found(relay, founder);

    const member = await joinMesh(relay, founder.meshId, {
      type: "join",
      node_id: "phone",
      name: "Phone",
      capabilities: ["camera"],
      token: founder.token(),
    });

    expect(toldNode(first)).toEqual([
      { type: "mesh_registered", success: true },
      { type: "joined", mesh: "home", mesh_id: founder.meshId, node_count: 1 },
      { type: "peers", peers: [] },
      { type: "peer_joined", node_id: "phone", name: "Phone", capabilities: ["camera"], is_founder: false },
    ]);
    expect(toldNode(member)).toEqual([
      { type: "joined", mesh: "home", mesh_id: founder.meshId, node_count: 2 },
      {
        type: "peers",
        peers: [
          {
            node_id: founder.node.id,
            name: founder.node.id.slice(0, 8),
            capabilities: [],
            is_founder: true,
            joined_at: expect.any(Number) as unknown,
          },
        ],
      },
    ]);
    expect(member.heard[0]).toMatch(/^\{"type":"joined",/);
  });

  it("[MESH-3] stamps what goes to all, whatever its sender wrote, and leaves what goes to one as it is", async () => {
    const relay = await startMeshRelay();
    const [a, b] = [await joinOpen(relay, "a"), await joinOpen(relay, "b")];
    const before = b.heard.length;
    const broadcasts = [
      '{"n":1795200876384.0,"from":"forged","x":[1.50]}',
      '{"\\u0066rom":"forged","from":"forged again"}',
      " { } ",
      '{"a":{"from":"inner"}}',
      '"text"',
      "[1,2]",
      "null",
    ];

    for (const payload of broadcasts) a.send(`{"type":"broadcast","payload":${payload}}`);
    a.send('{"type":"broadcast"}');
    a.send('{"type":"direct","target":"b","payload":{"from":"as it is","n":1.0}}');
    a.send('{"payload":7,"target":"a","type":"direct"}');
    await a.settled();
    await b.settled();

    expect(b.heard.slice(before)).toEqual([
      '{"type":"message","from":"a","payload":{"n":1795200876384.0,"from":"a","x":[1.50]}}',
      '{"type":"message","from":"a","payload":{"from":"a"}}',
      '{"type":"message","from":"a","payload":{"from":"a"}}',
      '{"type":"message","from":"a","payload":{"a":{"from":"inner"},"from":"a"}}',
      '{"type":"message","from":"a","payload":"text"}',
      '{"type":"message","from":"a","payload":[1,2]}',
      '{"type":"message","from":"a","payload":null}',
      '{"type":"message","from":"a","payload":{"from":"a"}}',
      '{"type":"message","from":"a","payload":{"from":"as it is","n":1.0}}',
    ]);
    expect(toldNode(a).at(-1)).toEqual({ type: "message", from: "a", payload: 7 });
  });

  it("tells a sender of a node that is not there, and nobody else", async () => {
    const relay = await startMeshRelay();
    const a = await joinOpen(relay, "a");

    for (const target of ['"ghost"', "null", "5", '{"toString":1}', `"${"x".repeat(500)}"`])
      a.send(`{"type":"direct","target":${target},"payload":1}`);
    a.send('{"type":"direct","payload":1}');
    await a.settled();

    expect(
      toldNode(a)
        .slice(2)
        .map(({ message }) => message),
    ).toEqual([
      "Peer ghost not found",
      "Peer None not found",
      "Peer 5 not found",
      'Peer {"toString":1} not found',
      `Peer ${"x".repeat(128)} not found`,
      "Peer None not found",
    ]);
  });

  it("[MESH-4] [MESH-11] lets a node in again at once though its old connection stands still, and keeps the new one", async () => {
    const relay = await startMeshRelay();
    const [old, other] = [await joinOpen(relay, "roamer"), await joinOpen(relay, "other")];
    old.socket.pause();

    const again = await joinOpen(relay, "roamer");
    old.socket.terminate();
    await eventually(() => expect(relay.figures().connections).toBe(2));
    other.send('{"type":"direct","target":"roamer","payload":"found"}');

    await eventually(() => expect(toldNode(again).at(-1)).toMatchObject({ payload: "found" }));
    expect(typesTo(other).slice(2)).toEqual(["peer_left", "peer_joined"]);
  });

  it("[MESH-5] lets the same node come back with the same token, and says to the old connection why it ends", async () => {
    const relay = await startMeshRelay();
    const founder = new Founder();
    await found(relay, founder);
    const token = founder.token();
    const first = await joinMesh(relay, founder.meshId, { type: "join", node_id: "phone", token });

    const second = await joinMesh(relay, founder.meshId, { type: "join", node_id: "phone", token });

    expect(await first.closed()).toEqual({ code: 1000, reason: "Replaced by new connection" });
    expect(toldNode(second)[0]).toMatchObject({ type: "joined", node_count: 2 });
  });

  it("[MESH-7] takes JSON in bytes as in text, and answers in text", async () => {
    const relay = await startMeshRelay();
    const client = await PlainClient.open(relay, `/mesh/relay/${OPEN}`);

    client.send(Buffer.from('{"type":"join","node_id":"a"}'));
    client.send(Buffer.from('{"type":"ping"}'));
    await client.settled();

    expect(typesTo(client)).toEqual(["joined", "peers", "pong"]);
    expect(client.heard[2]).toMatch(/^\{"type":"pong","timestamp":\d+(\.\d+)?\}$/);
  });

  it.each(['"test-token"', '{"value":"v","nonce":"n","timestamp":1}', "null", "{}", '""', "5"])(
    "[MESH-12] takes a token of %s for none where nobody has registered the mesh",
    async (token) => {
      const relay = await startMeshRelay();

      const client = await joinMesh(relay, OPEN, `{"type":"register","node_id":"a","token":${token}}`);

      expect(typesTo(client)).toEqual(["joined", "peers"]);
    },
  );

  it("[MESH-13] keeps a few messages that come before the join, and takes them after it", async () => {
    const relay = await startMeshRelay();
    const other = await joinOpen(relay, "other");
    const client = await openNode(relay, OPEN, '{"type":"ping"}');

    client.send('{"type":"broadcast","payload":{"n":1}}');
    client.send('{"type":"join","node_id":"a"}');
    await client.settled();

    expect(typesTo(client)).toEqual(["joined", "peers", "pong"]);
    await eventually(() => expect(typesTo(other).slice(2)).toEqual(["peer_joined", "message"]));
  });

  it("[MESH-16] gives a request to one who can answer: a founder, whom a token permits it, or who says so; in join order", async () => {
    const relay = await startMeshRelay();
    const founder = new Founder();
    const enter = (nodeId: string, capabilities: string[], permitted: string[] = []) =>
      joinMesh(relay, founder.meshId, {
        type: "join",
        node_id: nodeId,
        capabilities,
        token: founder.token({ capabilities: permitted }),
      });
    const first = await found(relay, founder);
    const asker = await enter("asker", ["llm"]);
    const claims = await enter("claims", ["llamafarm-3"]);
    const permitted = await enter("permitted", ["chat"], ["chat"]);
    const request = async (fields: string): Promise<void> => {
      asker.send(`{"type":"llm_request",${fields}}`);
      await asker.settled();
    };

    await request('"request_id":"1","prompt":"hi"');
    await request('"request_id":"2","messages":[{"role":"user","content":"hi"}],"target":"claims","model":"m"');
    first.send('{"type":"capabilities_update","capabilities":["llm"]}');
    await first.settled();
    await request('"request_id":3,"prompt":"hi","target":"auto"');

    const text = [{ role: "user", content: "hi" }];
    expect(toldNode(permitted).filter(({ type }) => type === "llm_request")).toEqual([
      { type: "llm_request", from: "asker", request_id: "1", messages: text, prompt: "hi", model: "auto" },
    ]);
    expect(toldNode(claims).filter(({ type }) => type === "llm_request")).toEqual([
      { type: "llm_request", from: "asker", request_id: "2", messages: text, prompt: "hi", model: "m" },
    ]);
    expect(toldNode(first).filter(({ type }) => type === "llm_request")).toMatchObject([{ request_id: 3 }]);
    expect(toldNode(claims).at(-1)).toEqual({
      type: "peer_updated",
      node_id: founder.node.id,
      capabilities: ["llm"],
    });
  });

  it("[MESH-16] passes on all of an answer but null, from whom the request went to", async () => {
    const relay = await startMeshRelay();
    const [asker, provider] = [
      await joinOpen(relay, "asker"),
      await joinOpen(relay, "provider", { capabilities: ["llm"] }),
    ];
    asker.send('{"type":"chat_request","request_id":"é","prompt":"hi"}');
    await asker.settled();

    provider.send(
      '{"type":"llm_response","target":"asker","request_id":"\\u00e9","response":"4","error":null,"routing":{"x":1.0}}',
    );
    await provider.settled();

    await eventually(() =>
      expect(asker.heard.at(-1)).toBe(
        '{"type":"llm_response","from":"provider","request_id":"\\u00e9","response":"4","routing":{"x":1.0}}',
      ),
    );
  });

  it("passes on to one node what some clients send to one, with who it is from", async () => {
    const relay = await startMeshRelay();
    const [a, b] = [await joinOpen(relay, "a"), await joinOpen(relay, "b")];

    a.send('{"type":"inference_request","target_node_id":"b","n":1.0,"from":"forged"}');
    a.send('{"type":"peer_left","target":"b","node_id":"a"}');
    a.send('{"type":"message","target":"b","from":"relay"}');
    await a.settled();
    await b.settled();

    expect(b.heard.slice(2)).toEqual(['{"type":"inference_request","from":"a","target_node_id":"b","n":1.0}']);
  });

  it("[MESH-17] [MESH-18] has the original's pages under the prefix, with numbers and no names", async () => {
    const relay = await startRelay({ dialects: ["topic", "mesh"], accountStore: "memory" });
    const founder = new Founder();
    await found(relay, founder);

    const pages = await Promise.all(
      ["/mesh", "/mesh/health", "/mesh/stats", "/mesh/relay/x", "/health", "/stats"].map((path) => ask(relay, path)),
    );

    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 404, 200, 200]);
    expect(JSON.parse(pages[1]?.body ?? "")).toMatchObject({
      status: "ok",
      meshes: 1,
      connections: 1,
      registered_meshes: 1,
    });
    expect(JSON.parse(pages[4]?.body ?? "")).toMatchObject({ status: "healthy", meshes: 1, registered_meshes: 1 });
    expect(pages.map(({ body }) => body).join()).not.toContain(founder.meshId);
    expect(pages[1]?.headers["access-control-allow-origin"]).toBe("*");
  });

  it("[MESH-19] keeps a node that says nothing and answers pings", async () => {
    const relay = await startMeshRelay({ sweepIntervalMs: 200, pingIntervalMs: 100 });
    const [quiet, other] = [await joinOpen(relay, "quiet"), await joinOpen(relay, "other")];
    for (let count = 0; count < 6; count += 1) await new Promise((resolve) => quiet.socket.once("ping", resolve));

    other.send('{"type":"direct","target":"quiet","payload":1}');

    await eventually(() => expect(typesTo(quiet)).toContain("message"));
  });

  it("[MESH-21] is registered after a restart, and members come back before the founder does", async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), "postern-meshes-"));
    onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
    const options = { accountStore: "directory", stateDirectory } as const;
    const founder = new Founder();
    const token = founder.token();
    const first = await startMeshRelay(options);
    await found(first, founder);
    await joinMesh(first, founder.meshId, { type: "join", node_id: "phone", token });
    await first.stop();

    const second = await startMeshRelay(options);

    const phone = await joinMesh(second, founder.meshId, { type: "join", node_id: "phone", token });
    expect(toldNode(phone)[0]).toMatchObject({ mesh: "home" });
    const thief = await openNode(second, founder.meshId, { type: "join", node_id: "thief", token });
    expect(await thief.closed()).toMatchObject({ reason: expect.stringContaining("replay") as unknown });
  });

  it("[MESH-26] closes who says nothing with 1008, as the original does", async () => {
    const relay = await startMeshRelay({ joinTimeoutMs: 200 });

    const silent = await PlainClient.open(relay, `/mesh/relay/${OPEN}`);

    expect(await silent.closed()).toEqual({ code: 1008, reason: "Registration timeout" });
    expect(await statusOfUpgrade(relay, "/mesh/relay/")).toBe(404);
  });
});

describe("at an address that pair has too", () => {
  it("[PATH-1] a join is the mesh's, in text or bytes, and all else is the pair's", async () => {
    const relay = await startRelay({ dialects: ["pair", "mesh"], accountStore: "memory" });
    const [node, binary, one, two] = [
      await PlainClient.open(relay, "/relay/m-1"),
      await PlainClient.open(relay, "/relay/m-1"),
      await PlainClient.open(relay, "/relay/p-1"),
      await PlainClient.open(relay, "/relay/p-1"),
    ];

    node.send('{"type":"join","node_id":"a"}');
    await node.settled();
    binary.send(Buffer.from('{"type":"join","node_id":"b"}'));
    one.send('{"type":"hello"}');

    await eventually(() => expect(typesTo(binary)).toEqual(["joined", "peers"]));
    await two.hears('{"type":"hello"}');
    expect(typesTo(node)).toEqual(["joined", "peers", "peer_joined"]);
  });

  it("[PATH-2] whoever says nothing waits for a half, but where there is a mesh: there it is closed in time", async () => {
    const relay = await startRelay({ dialects: ["pair", "mesh"], accountStore: "memory", joinTimeoutMs: 300 });
    await joinMesh(relay, "m-1", { type: "join", node_id: "a" });
    const [waiting, silent] = [
      await PlainClient.open(relay, "/relay/p-1"),
      await PlainClient.open(relay, "/relay/m-1"),
    ];

    expect(await silent.closed()).toEqual({ code: 1008, reason: "Registration timeout" });

    const half = await PlainClient.open(relay, "/relay/p-1");
    half.send("there you are");
    await waiting.hears("there you are");
  });
});
