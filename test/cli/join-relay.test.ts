import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions, writeTemporary } from "../support/tokens.ts";

/** `join` as its users start it, with standard input at its end. */
function join(url: string, ...options: readonly string[]): Run {
  return new Run(["client/cli/main.ts", "join", url, "t", ...options]);
}

it("shows a relay its token, and is let in; who has none is told so in the relay's own words", async () => {
  const relay = await startRelay(await tokenOptions());
  const fingerprint = new X509Certificate(relay.certificate ?? "").fingerprint256;
  const path = writeTemporary("token", `${await token()}\n`);

  const granted = join(relay.url, "--fingerprint", fingerprint, "--token-file", path);
  await granted.printed(/^\* joined$/m);
  const stranger = join(relay.url, "--fingerprint", fingerprint);
  await stranger.printed(/^! .*This relay wants a valid token first \(missing\)$/m);

  expect([await granted.exitCode(), await stranger.exitCode()]).toEqual([0, 1]);
});

it("takes what one sends to the other, and nothing else to standard output", async () => {
  const relay = await startRelay({ tls: "off" });
  const listener = join(relay.url, "--stay");
  await listener.printed(/^\* joined$/m);

  const script = `printf 'one\\ntwo\\n' | "$0" client/cli/main.ts join ${relay.url} t`;
  const sender = new Run(["-c", script, process.execPath], { command: "sh" });

  expect(await sender.exitCode()).toBe(0);
  await listener.printed(/^two$/m);
  listener.signal("SIGINT");
  expect(await listener.exitCode()).toBe(0);
  expect([listener.stdout, sender.stdout]).toEqual(["one\ntwo\n", ""]);
});

it("talks to classic members in plain mode", async () => {
  const relay = await startRelay({ tls: "off" });
  const plain = join(relay.url, "--plain", "--stay");
  await plain.printed(/^\* joined$/m);
  const classic = new WebSocket(relay.url);
  await once(classic, "open");
  classic.send(JSON.stringify({ type: "join", topic: "t", peerId: "old" }));
  classic.send(JSON.stringify({ type: "data", data: Buffer.from("hello").toString("base64") }));

  await plain.printed(/^hello$/m);
  classic.close();

  await plain.printed(/^\* old left$/m);
});

it("says what is to be trusted where the relay's certificate is its own, and does not dial for half a minute", async () => {
  const relay = await startRelay();
  const stranger = join(relay.url);

  expect(await stranger.exitCode()).toBe(1);
  expect(stranger.stderr).toMatch(/^! .*certificate is self-signed.*\n {2}.*--fingerprint/m);
});

it("goes on with the relay whose certificate it trusts where another one shows its own, and says which", async () => {
  const untrusted = await startRelay();
  const relay = await startRelay({ tls: "off" });

  const member = join(untrusted.url, "--relay", relay.url, "--stay");
  await member.printed(/^\* joined$/m);
  await member.printed(/^\* going on with the other relays$/m);
  member.signal("SIGINT");

  expect(await member.exitCode()).toBe(0);
  expect(member.stderr).toContain(`! ${untrusted.url}: The relay cannot be reached`);
});

it("sends nothing, and no token, to a relay with another certificate than the one it trusts", async () => {
  const { key, certificate } = createSelfSigned({ names: ["localhost"], notBefore: new Date(), lifetimeDays: 1 });
  let received = 0;
  const impostor = createServer({ key, cert: certificate }, (socket) => {
    socket.on("data", (chunk) => (received += chunk.length));
    socket.on("error", () => undefined);
  });
  impostor.listen(0, "127.0.0.1");
  await once(impostor, "listening");
  onTestFinished(() => void impostor.close());
  const { port } = impostor.address() as AddressInfo;
  const path = writeTemporary("token", await token());

  const options = ["--fingerprint", Array(32).fill("AB").join(":"), "--token-file", path];
  const victim = join(`wss://localhost:${port}`, ...options);
  await victim.printed(/^! .*another certificate.*: ([0-9A-F]{2}:){31}[0-9A-F]{2}\b/m);

  expect(await victim.exitCode()).toBe(1);
  expect(received).toBe(0);
});
