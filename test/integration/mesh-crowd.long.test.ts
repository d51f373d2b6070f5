import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { joinMesh, startMeshRelay, toldNode, typesTo } from "../support/mesh.ts";

it("names nodes beyond what fits into one list in messages of their own", async () => {
  const relay = await startMeshRelay({ meshJoinsPerMinute: 0 });
  const capabilities = Array.from({ length: 64 }, (_, index) => `${index}`.padStart(64, "é"));
  for (let index = 0; index < 120; index += 1)
    await joinMesh(relay, "open-mesh", { type: "join", node_id: `node-${index}`, capabilities });

  const late = await joinMesh(relay, "open-mesh", { type: "join", node_id: "late" });
  await eventually(() => expect(typesTo(late).length).toBeGreaterThan(2));
  await late.settled();

  const [, list, ...further] = toldNode(late);
  const { peers } = list as { peers: { node_id: string }[] };
  expect(peers.length + further.length).toBe(120);
  expect(further.every(({ type }) => type === "peer_joined")).toBe(true);
  expect(Math.max(...late.heard.map((text) => Buffer.byteLength(text)))).toBeLessThan(1_048_576);
});
