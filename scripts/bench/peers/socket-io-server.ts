import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { pathToFileURL } from "node:url";
import { packagePath } from "../needs.ts";

/** As much of Socket.IO as this uses: it is no dependency, so its types are not here. */
type Socket = {
  join(room: string): void;
  to(room: string): { emit(event: string, data: string): void };
  on(event: "join", listener: (topic: string, acknowledge: () => void) => void): void;
  on(event: "data", listener: (data: string) => void): void;
};
type SocketIo = {
  readonly Server: new (
    server: object,
    options: object,
  ) => { on(event: "connection", listener: (socket: Socket) => void): void };
};

/** A relay as one writes it with Socket.IO: rooms, and its own broadcast. */
const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const { Server } = (await import(pathToFileURL(packagePath("socket.io") ?? "").href)) as SocketIo;

new Server(server, { transports: ["websocket", "polling"], perMessageDeflate: false }).on("connection", (socket) => {
  let topic: string | undefined;
  socket.on("join", (wanted, acknowledge) => {
    topic = wanted;
    socket.join(wanted);
    acknowledge();
  });
  socket.on("data", (data) => {
    if (topic !== undefined) socket.to(topic).emit("data", data);
  });
});
server.listen(Number(port), "127.0.0.1");
