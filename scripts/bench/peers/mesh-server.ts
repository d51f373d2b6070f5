import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocket, WebSocketServer } from "ws";

/**
 * The yardstick of meshes: a mesh relay as the original is written, in Node with `ws`. A connection's messages are handled
 * one after the other; each is parsed, its payload is stamped, and for one node after the other it is written anew and sent,
 * with the next one only when the socket has taken it. No tokens, no logging.
 */
type Peer = { readonly nodeId: string; readonly name: string; readonly socket: WebSocket; readonly joinedAt: number };
type Message = {
  readonly type?: string;
  readonly node_id?: string;
  readonly name?: string;
  readonly payload?: Record<string, unknown>;
};

const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const meshes = new Map<string, Map<string, Peer>>();

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, request) => {
  const meshId = decodeURIComponent(/^\/relay\/([^/?]+)/.exec(request.url ?? "")?.[1] ?? "");
  let own: Peer | undefined;
  let work = Promise.resolve();
  socket.on("message", (bytes: Buffer) => {
    work = handle(work, JSON.parse(bytes.toString()) as Message);
  });
  /** @param before what came earlier. */
  async function handle(before: Promise<void>, message: Message): Promise<void> {
    await before;
    if (message.type === "join") own = await join(meshId, socket, message);
    else if (message.type === "broadcast" && own !== undefined) {
      const payload = { ...message.payload, from: own.nodeId };
      await broadcast(meshId, own, { type: "message", from: own.nodeId, payload });
    }
  }
  socket.on("close", () => {
    if (own === undefined) return;
    meshes.get(meshId)?.delete(own.nodeId);
    void broadcast(meshId, own, { type: "peer_left", node_id: own.nodeId });
  });
});
server.listen(Number(port), "127.0.0.1");

async function join(meshId: string, socket: WebSocket, { node_id: nodeId = "", name = "" }: Message): Promise<Peer> {
  const own = { nodeId, name, socket, joinedAt: Date.now() / 1000 };
  const peers = meshes.get(meshId) ?? new Map<string, Peer>();
  meshes.set(meshId, peers);
  const before = [...peers.values()];
  peers.set(nodeId, own);
  await broadcast(meshId, own, { type: "peer_joined", node_id: nodeId, name, capabilities: [], is_founder: false });
  await send(socket, { type: "joined", mesh: meshId, mesh_id: meshId, node_count: peers.size });
  await send(socket, { type: "peers", peers: before.map(listed) });
  return own;
}

function listed({ nodeId, name, joinedAt }: Peer): object {
  return { node_id: nodeId, name, capabilities: [], is_founder: false, joined_at: joinedAt };
}

/** To all others of the mesh, written anew for each, and one after the other: so it is done there. */
async function broadcast(meshId: string, own: Peer, message: object): Promise<void> {
  for (const peer of meshes.get(meshId)?.values() ?? []) {
    if (peer !== own) await send(peer.socket, message);
  }
}

function send(socket: WebSocket, message: object): Promise<void> {
  if (socket.readyState !== WebSocket.OPEN) return Promise.resolve();
  return new Promise((resolve) => socket.send(JSON.stringify(message), () => resolve()));
}
