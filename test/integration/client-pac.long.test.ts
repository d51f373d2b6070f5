import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { PacScript } from "../../client/node/proxies/pac-script.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { HttpProxy } from "../support/http-proxy.ts";
import { failureOf, outcomeOf } from "../support/node-dial.ts";
import { startRelay } from "../support/relay.ts";
import { SocksProxy } from "../support/socks-proxy.ts";

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/proxy.pac`;
}

const pacOf = (answer: string): string => `function FindProxyForURL(url, host) { return ${answer}; }`;
const served = (script: string): Promise<string> => serve((_, response) => response.end(script));
const target = { hostname: "relay.test", port: 8443, isTls: true };

it("goes by the proxy that a script chooses, and by the next one where that is not there", async () => {
  const relay = await startRelay();
  const proxy = await HttpProxy.start();
  const pac = await served(pacOf(`"PROXY 127.0.0.1:1; PROXY localhost:${proxy.port}; DIRECT"`));

  const outcome = await outcomeOf(relay.url, { tls: { ca: relay.certificate }, proxy: `pac+${pac}` });

  expect(outcome).toMatchObject({ proxy: { url: `http://localhost:${proxy.port}`, source: "option (PAC)" } });
});

it("goes direct where the script says so, and tells that it did", async () => {
  const relay = await startRelay();
  const pac = await served(pacOf('"DIRECT"'));

  const outcome = await outcomeOf(relay.url, { tls: { ca: relay.certificate }, proxy: `pac+${pac}` });

  expect(outcome).toMatchObject({ proxy: { url: `pac+${new URL(pac).origin}`, noProxyEntry: "DIRECT" } });
});

it("does not go direct behind a proxy that refuses: only one that cannot be reached is passed by", async () => {
  const refusing = await SocksProxy.start({ reply: 2 });
  const pac = await served(pacOf(`"SOCKS5 ${new URL(refusing.url()).host}; DIRECT"`));

  expect((await failureOf("wss://127.0.0.1:9", { proxy: `pac+${pac}` })).refusal).toMatchObject({
    code: "proxy-refused",
  });
});

it("tells a script the name and the port, and no path", async () => {
  const pac = await served(
    pacOf('"PROXY " + (url === "https://relay.test:8443/" && host === "relay.test" ? "a:1" : "b:2")'),
  );

  expect(await new PacScript(new FakeClock(), pac).proxiesFor(target)).toMatchObject([{ shownUrl: "http://a:1" }]);
});

it("has a script from a file, with the functions that scripts use", async () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-pac-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "proxy.pac");
  writeFileSync(path, pacOf('dnsDomainIs(host, ".test") && shExpMatch(host, "relay.*") ? "HTTPS a:1" : "DIRECT"'));

  expect(await new PacScript(new FakeClock(), pathToFileURL(path).href).proxiesFor(target)).toMatchObject([
    { kind: "https", hostname: "a", port: 1 },
  ]);
});

it("fetches a script anew after five minutes", async () => {
  let count = 0;
  const pac = await serve((_, response) => response.end(pacOf(`"PROXY a:${(count += 1)}"`)));
  const clock = new FakeClock();
  const script = new PacScript(clock, pac);

  await script.proxiesFor(target);
  expect(await script.proxiesFor(target)).toMatchObject([{ port: 1 }]);
  clock.advance(300_000);
  expect(await script.proxiesFor(target)).toMatchObject([{ port: 2 }]);
});

it.each<[string, RequestListener, string]>([
  ["that is no script", (_, response) => response.end("<html>"), "proxy-invalid"],
  ["without the function", (_, response) => response.end("var a = 1;"), "proxy-invalid"],
  ["that throws", (_, response) => response.end("function FindProxyForURL() { throw 1; }"), "proxy-invalid"],
  ["that wants the file system", (_, response) => response.end(pacOf('require("fs")')), "proxy-invalid"],
  ["that names a proxy of no kind", (_, response) => response.end(pacOf('"GOPHER a:1"')), "proxy-invalid"],
  ["that runs for ever", (_, response) => response.end("function FindProxyForURL() { for (;;); }"), "proxy-invalid"],
  [
    "that eats memory",
    (_, response) => response.end("function FindProxyForURL() { for (var a = []; ; ) a.push(new Array(1000)); }"),
    "proxy-invalid",
  ],
  ["that is not there", (_, response) => response.writeHead(404).end(), "proxy-unreachable"],
  ["that never ends", (_, response) => void response.end("x".repeat(1_100_000)), "proxy-unreachable"],
])("never goes direct by a script %s", async (_, listener, code) => {
  const pac = await serve(listener);

  expect((await failureOf("wss://relay.nowhere.invalid", { proxy: `pac+${pac}` })).refusal).toMatchObject({ code });
});

it("knows http, https and file, and no other way to a script", async () => {
  await expect(new PacScript(new FakeClock(), "ftp://a/b.pac").proxiesFor(target)).rejects.toMatchObject({
    code: "proxy-invalid",
  });
});
