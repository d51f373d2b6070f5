import { readFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import { createInterface } from "node:readline";
import { TLSSocket } from "node:tls";
import { Command, InvalidArgumentError } from "commander";
import { WebSocket } from "ws";
import { encodeClassicClientMessage } from "../protocol/classic-client-messages.ts";
import { type ClassicRelayMessage, decodeClassicRelayMessage } from "../protocol/classic-relay-messages.ts";
import { errorSentences } from "../protocol/error-codes.ts";
import { isPeerId, isTopic } from "../protocol/fields.ts";

/**
 * Joins a topic from the terminal: what you type goes to the others as base64, what they send is printed.
 * The five classic messages only, so it talks to any client of the topic protocol.
 */
new Command("talk")
  .argument("<url>", "wss:// or ws:// address of a relay", parseUrl)
  .argument("<topic>", "what both sides join; treat it as a secret", parseTopic)
  .option("--peer-id <id>", "the name the others see", parsePeerId)
  .option(
    "--fingerprint <sha256>",
    "trust exactly the certificate with this fingerprint, self-signed or not",
    parseFingerprint,
  )
  .option("--token-file <path>", "the file that holds a token, for a relay that wants one")
  .action(talk)
  .parse();

type Options = { readonly peerId?: string; readonly fingerprint?: string; readonly tokenFile?: string };

function talk(url: URL, topic: string, { peerId, fingerprint, tokenFile }: Options): void {
  let hasFailed = false;
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, "utf8").trim();
  const socket = new WebSocket(url, {
    rejectUnauthorized: fingerprint === undefined,
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    finishRequest: (request) =>
      sendWhenTrusted(request, fingerprint, (seen) => fail(`! the relay shows another certificate: ${seen}`)),
  });
  const fail = (line: string): void => {
    if (!hasFailed) say(line);
    hasFailed = true;
    socket.terminate();
  };
  socket.on("upgrade", ({ socket: stream }) => {
    if (fingerprint === undefined || !(stream instanceof TLSSocket)) return;
    const seen = stream.getPeerCertificate().fingerprint256;
    if (seen !== fingerprint) fail(`! the relay shows another certificate: ${seen}`);
  });
  socket.on("open", () => {
    socket.send(encodeClassicClientMessage({ type: "join", topic, peerId }));
    say("* connected; type a line and press Enter, end with Ctrl-D");
    readLines(socket);
  });
  socket.on("message", (bytes: Buffer) => {
    const message = decodeClassicRelayMessage(bytes.toString());
    if (message.type === "error") fail(`! ${message.payload}`);
    else if (message.type === "invalid") fail("! this is not a relay: it says what no client can read");
    else if (message.type !== "unknown") show(message);
  });
  socket.on("error", (error) => fail(`! ${error.message}${hintFor(error)}`));
  socket.on("close", (code) => {
    if (!hasFailed) say(`* closed (${code})`);
    process.stdin.destroy();
    process.exitCode = !hasFailed && (code === 1000 || code === 1005) ? 0 : 1;
  });
}

/** Nothing is sent, and no token, before the certificate is the one that is trusted. */
function sendWhenTrusted(
  request: ClientRequest,
  fingerprint: string | undefined,
  refuse: (seen: string) => void,
): void {
  request.once("socket", (stream) => {
    if (fingerprint === undefined || !(stream instanceof TLSSocket)) {
      request.end();
      return;
    }
    stream.once("secureConnect", () => {
      const seen = stream.getPeerCertificate().fingerprint256;
      if (seen === fingerprint) request.end();
      else refuse(seen);
    });
  });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "wss:" || url?.protocol === "ws:") return url;
  throw new InvalidArgumentError("It starts with wss:// or ws://, as the relay prints it.");
}

/** As Node writes it, from what the relay, openssl (`sha256 Fingerprint=...`) and browsers show. */
function parseFingerprint(text: string): string {
  const digits = text.replace(/^.*=/, "").replace(/[:\s]/g, "");
  if (/^[0-9a-f]{64}$/i.test(digits)) return digits.toUpperCase().match(/../g)?.join(":") ?? "";
  throw new InvalidArgumentError("A SHA-256 fingerprint has 64 hex digits, with or without colons.");
}

function parseTopic(text: string): string {
  if (isTopic(text)) return text;
  throw new InvalidArgumentError(`${errorSentences["topic-invalid"]}.`);
}

function parsePeerId(text: string): string {
  if (isPeerId(text)) return text;
  throw new InvalidArgumentError(`${errorSentences["peer-id-invalid"]}.`);
}

function hintFor({ code }: NodeJS.ErrnoException): string {
  return code === "DEPTH_ZERO_SELF_SIGNED_CERT" ? "; trust it with --fingerprint, which the relay prints" : "";
}

function readLines(socket: WebSocket): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line === "") return;
    socket.send(encodeClassicClientMessage({ type: "data", data: Buffer.from(line).toString("base64") }));
  });
  lines.on("close", () => socket.close(1000));
}

function show(message: Exclude<ClassicRelayMessage, { type: "error" }>): void {
  const { type, peerId } = message;
  if (type === "data") say(`${peerId}: ${Buffer.from(message.data, "base64").toString()}`);
  else say(type === "peer-joined" ? `* ${peerId} is here` : `* ${peerId} left`);
}

function say(line: string): void {
  // Control characters of a stranger must not reach the terminal.
  process.stdout.write(`${line.replace(/\p{Cc}/gu, " ")}\n`);
}
