import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { pathToFileURL } from "node:url";
import { packagePath } from "../../bench/needs.ts";

/** As much of Socket.IO as this uses: it is no dependency, so its types are not here. */
type Socket = {
  readonly recovered: boolean;
  join(room: string): void;
  to(room: string): { emit(event: string, data: Buffer): void };
  on(event: "data", listener: (data: Buffer, acknowledge: () => void) => void): void;
};
type Io = {
  on(event: "connection", listener: (socket: Socket) => void): void;
  close(): Promise<void>;
};
type SocketIo = { readonly Server: new (server: object, options: object) => Io };

/**
 * Rooms with connection state recovery, as Socket.IO's page of that name has it, and an acknowledgement for each message, as
 * its page on delivery guarantees has it.
 */
const [port, keyPath = "", certificatePath = "", topic = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const { Server } = (await import(pathToFileURL(packagePath("socket.io") ?? "").href)) as SocketIo;
const recovery = { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true };
const io = new Server(server, { connectionStateRecovery: recovery });

io.on("connection", (socket) => {
  if (!socket.recovered) socket.join(topic);
  socket.on("data", (data, acknowledge) => {
    socket.to(topic).emit("data", data);
    acknowledge();
  });
});
server.listen(Number(port), "127.0.0.1");
process.once("SIGTERM", () => {
  io.close().then(exit, exit);
});

function exit(): void {
  process.exit(0);
}
