import { createInterface } from "node:readline";
import type { TLSSocket } from "node:tls";
import { Command } from "commander";
import { WebSocket } from "ws";

/**
 * Joins a topic from the terminal: what you type goes to the others as base64, what they send is printed.
 * The seed's five messages only, so it talks to any client of the topic protocol.
 */
const program = new Command("talk")
  .argument("<url>", "wss:// address of a relay")
  .argument("<topic>", "what both sides join; treat it as a secret")
  .option("--peer-id <id>", "the name the others see")
  .option("--fingerprint <sha256>", "trust exactly the certificate with this fingerprint, self-signed or not")
  .action(talk);
program.parse();

type Options = { readonly peerId?: string; readonly fingerprint?: string };

/** What a relay sends to a client that knows the seed's messages. */
type RelayMessage = {
  readonly type: string;
  readonly peerId?: string;
  readonly data?: string;
  readonly payload?: string;
};

function talk(url: string, topic: string, { peerId, fingerprint }: Options): void {
  const socket = new WebSocket(url, { rejectUnauthorized: fingerprint === undefined });
  socket.on("upgrade", (response) => {
    const seen = (response.socket as TLSSocket).getPeerCertificate().fingerprint256;
    if (fingerprint === undefined || seen === fingerprint) return;
    say(`! the relay shows another certificate: ${seen}`);
    socket.terminate();
  });
  socket.on("open", () => {
    socket.send(JSON.stringify({ type: "join", topic, peerId }));
    say("* joined; type a line and press Enter, end with Ctrl-D");
    readLines(socket);
  });
  socket.on("message", (bytes: Buffer) => show(JSON.parse(bytes.toString()) as RelayMessage));
  socket.on("error", (error) => say(`! ${error.message}`));
  socket.on("close", (code) => {
    say(`* closed (${code})`);
    process.stdin.destroy();
    process.exitCode = code === 1000 || code === 1005 ? 0 : 1;
  });
}

function readLines(socket: WebSocket): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line !== "") socket.send(JSON.stringify({ type: "data", data: Buffer.from(line).toString("base64") }));
  });
  lines.on("close", () => socket.close(1000));
}

function show({ type, peerId, data, payload }: RelayMessage): void {
  if (type === "data") say(`${peerId}: ${Buffer.from(data ?? "", "base64").toString()}`);
  else if (type === "peer-joined") say(`* ${peerId} is here`);
  else if (type === "peer-left") say(`* ${peerId} left`);
  else if (type === "error") say(`! ${payload}`);
}

function say(line: string): void {
  // Control characters of a stranger must not reach the terminal.
  process.stdout.write(`${line.replace(/\p{Cc}/gu, " ")}\n`);
}
