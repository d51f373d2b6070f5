import { readFileSync } from "node:fs";
import { createServer, type TLSSocket } from "node:tls";

/** Two connections at a time, piped into each other: the least that Node can do for a pair. */
const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
let waiting: TLSSocket | undefined;

createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) }, (socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  if (waiting === undefined) {
    waiting = socket;
    return;
  }
  socket.pipe(waiting).pipe(socket);
  waiting = undefined;
}).listen(Number(port), "127.0.0.1");
