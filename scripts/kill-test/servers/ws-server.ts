import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocket, WebSocketServer } from "ws";

/** The floor: what one member sends goes to all others that are connected at this moment. */
const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const sockets = new Set<WebSocket>();

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => sockets.delete(socket));
  socket.on("message", (bytes: Buffer) => {
    for (const other of sockets) if (other !== socket && other.readyState === WebSocket.OPEN) other.send(bytes);
  });
});
server.listen(Number(port), "127.0.0.1");
