import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocket, WebSocketServer } from "ws";

/**
 * The yardstick: a relay as the seed systems write it with `ws`. Every message is parsed, built anew for each member and
 * sent to each. No logging.
 */
type Peer = { readonly peerId: string; readonly topic: string; readonly socket: WebSocket };
type Message = { readonly type?: string; readonly topic?: string; readonly peerId?: string; readonly data?: string };

const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const topics = new Map<string, Set<Peer>>();

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
  let own: Peer | undefined;
  socket.on("message", (bytes: Buffer) => {
    const message = JSON.parse(bytes.toString()) as Message;
    if (message.type === "join") own = join(socket, message);
    else if (message.type === "data" && own !== undefined) {
      send(own, () => JSON.stringify({ type: "data", peerId: own?.peerId, data: message.data }));
    }
  });
  socket.on("close", () => {
    if (own !== undefined) leave(own);
  });
});
server.listen(Number(port), "127.0.0.1");

function join(socket: WebSocket, { topic = "", peerId = "" }: Message): Peer {
  const own = { peerId, topic, socket };
  const peers = topics.get(topic) ?? new Set();
  topics.set(topic, peers);
  for (const peer of peers) {
    peer.socket.send(JSON.stringify({ type: "peer-joined", peerId, topic }));
    socket.send(JSON.stringify({ type: "peer-joined", peerId: peer.peerId, topic }));
  }
  peers.add(own);
  return own;
}

function leave(own: Peer): void {
  topics.get(own.topic)?.delete(own);
  send(own, () => JSON.stringify({ type: "peer-left", peerId: own.peerId, topic: own.topic }));
}

/** To all others of the topic, written anew for each: so it is done there. */
function send(own: Peer, write: () => string): void {
  for (const peer of topics.get(own.topic) ?? []) {
    if (peer !== own && peer.socket.readyState === WebSocket.OPEN) peer.socket.send(write());
  }
}
