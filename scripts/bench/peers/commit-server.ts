import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { DatabaseSync } from "node:sqlite";
import { WebSocketServer } from "ws";

/**
 * What deposits are compared with: a store as one writes it first. SQLite with a write-ahead log that is synced at each commit, as
 * the relay's; and every message is a commit of its own, in the thread that reads the sockets.
 */
type Message = { readonly type?: string; readonly mailbox?: string; readonly data?: string; readonly ref?: number };

const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const server = createServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) });
const database = new DatabaseSync("store.db");
database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, mailbox TEXT NOT NULL, id TEXT NOT NULL, deposited_at_ms INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX messages_by_id ON messages (mailbox, id);`);
const insert = database.prepare("INSERT INTO messages (mailbox, id, deposited_at_ms, data) VALUES (?, ?, ?, ?)");

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
  socket.on("message", (bytes: Buffer) => {
    const { type, mailbox = "", data = "", ref } = JSON.parse(bytes.toString()) as Message;
    if (type === "ping") socket.send(JSON.stringify({ type: "pong", ref }));
    if (type !== "deposit") return;
    const id = randomUUID();
    insert.run(mailbox, id, Date.now(), Buffer.from(data, "base64"));
    socket.send(JSON.stringify({ type: "deposited", mailbox, id, ref }));
  });
});
server.listen(Number(port), "127.0.0.1");
