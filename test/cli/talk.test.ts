import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions, writeTemporary } from "../support/tokens.ts";

it("shows a relay its token, and is let in", async () => {
  const relay = await startRelay(await tokenOptions());
  const fingerprint = new X509Certificate(relay.certificate ?? "").fingerprint256;
  const talk = ["scripts/talk.ts", relay.url, "t", "--fingerprint", fingerprint];
  const path = writeTemporary("token", `${await token()}\n`);

  const granted = new Run([...talk, "--token-file", path]);
  await granted.printed(/^\* connected/m);
  const stranger = new Run(talk);
  await stranger.printed(/^! This relay wants a valid token first$/m);

  expect([await granted.exitCode(), await stranger.exitCode()]).toEqual([0, 1]);
});

it("takes a fingerprint as the relay, openssl and browsers show it, and says what is wrong with another", async () => {
  const relay = await startRelay();
  const fingerprint = new X509Certificate(relay.certificate ?? "").fingerprint256;
  const bare = fingerprint.replaceAll(":", "");
  const forms = [bare.toLowerCase(), fingerprint.replaceAll(":", " "), `sha256 Fingerprint=${fingerprint}`];

  const runs = [...forms, bare.slice(2)].map(
    (form) => new Run(["scripts/talk.ts", relay.url, "t", "--fingerprint", form]),
  );

  expect(await Promise.all(runs.map((run) => run.exitCode()))).toEqual([0, 0, 0, 1]);
  expect(runs.at(-1)?.stderr).toContain("A SHA-256 fingerprint has 64 hex digits");
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
  const talk = new Run(["scripts/talk.ts", `wss://localhost:${port}`, "t", ...options]);
  await talk.printed(/^! the relay shows another certificate: ([0-9A-F]{2}:){31}[0-9A-F]{2}$/m);

  expect(await talk.exitCode()).toBe(1);
  expect(received).toBe(0);
});
