import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { startRelay } from "../support/relay.ts";
import { itWithCommands } from "../support/requires.ts";
import {
  adapted,
  dial,
  get,
  joinTopic,
  message,
  PROXY_TIMEOUT_MS,
  type ProxyKind,
  recordHeaders,
  startProxy,
} from "./proxy-scene.ts";

/** The relay's pings in these tests, well within the time after which the proxies give up. */
const PING_INTERVAL_MS = 600;
/** So many pings later, a silent connection is twice as old as the proxies let it be. */
const PING_COUNT = Math.ceil((2 * PROXY_TIMEOUT_MS) / PING_INTERVAL_MS);

const nginx: ProxyKind = ({ folder, port, upstreamPort, certFile, keyFile }) => {
  const site = adapted("infra/proxy/nginx.conf", {
    "listen 443 ssl;": `listen 127.0.0.1:${port} ssl;`,
    "listen [::]:443 ssl;": "",
    "/etc/letsencrypt/live/relay.example.com/fullchain.pem": certFile,
    "/etc/letsencrypt/live/relay.example.com/privkey.pem": keyFile,
    "127.0.0.1:8080;": `127.0.0.1:${upstreamPort};`,
    "_timeout 120s;": `_timeout ${PROXY_TIMEOUT_MS}ms;`,
  });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (what) => `${what}_temp_path ${folder}/t;`,
  );
  const main = `daemon off; master_process off; error_log stderr; pid ${folder}/pid;
    events { worker_connections 64; } http { ${temporary.join(" ")} include ${folder}/postern.conf; }`;
  writeFileSync(join(folder, "postern.conf"), site);
  writeFileSync(join(folder, "nginx.conf"), main);
  return ["nginx", "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")];
};

const caddy: ProxyKind = ({ folder, port, upstreamPort, certFile, keyFile }) => {
  const site = adapted("infra/proxy/Caddyfile", {
    "relay.example.com {": `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certFile} ${keyFile}`,
    "reverse_proxy 127.0.0.1:8080": `reverse_proxy 127.0.0.1:${upstreamPort}`,
    "_timeout 120s": `_timeout ${PROXY_TIMEOUT_MS}ms`,
  });
  const options = "{\n\tadmin off\n\tauto_https off\n}\n";
  writeFileSync(join(folder, "Caddyfile"), options + site);
  return ["caddy", "run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")];
};

const haproxy: ProxyKind = ({ folder, port, upstreamPort, certFile, keyFile }) => {
  const pemFile = join(folder, "both.pem");
  writeFileSync(pemFile, readFileSync(certFile, "utf8") + readFileSync(keyFile, "utf8"), { mode: 0o600 });
  const file = adapted("infra/proxy/haproxy.cfg", {
    "bind :::443 v4v6 ": `bind 127.0.0.1:${port} `,
    "/etc/haproxy/relay.example.com.pem": pemFile,
    "127.0.0.1:8080": `127.0.0.1:${upstreamPort}`,
    "maxconn 10240": "maxconn 64",
    "timeout client 120s": `timeout client ${PROXY_TIMEOUT_MS}ms`,
    "timeout server 120s": `timeout server ${PROXY_TIMEOUT_MS}ms`,
    "timeout tunnel 120s": `timeout tunnel ${PROXY_TIMEOUT_MS}ms`,
  });
  writeFileSync(join(folder, "haproxy.cfg"), file);
  return ["haproxy", "-db", "-f", join(folder, "haproxy.cfg")];
};

describe.each([
  ["nginx", nginx, itWithCommands("nginx")],
  ["caddy", caddy, itWithCommands("caddy")],
  ["haproxy", haproxy, itWithCommands("haproxy")],
] as const)("%s, as infra/proxy/ has it", (_, kind, itWithProxy) => {
  itWithProxy("lets clients meet, and passes on large messages and the relay's close code", async () => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await startProxy(kind, relay.port);
    const data = "x".repeat(900_000);

    const [first, second] = [await dial(proxy), await dial(proxy)];
    joinTopic(first, "behind-a-proxy");
    const joined = message(first, "peer-joined");
    joinTopic(second, "behind-a-proxy");
    await joined;
    second.send(encodeClassicClientMessage({ type: "data", data }));
    const received = await message(first, "data");
    const ready = await get(proxy, "/ready");
    const closed = once(first, "close");
    await relay.stop();

    expect(received.data).toBe(data);
    expect(ready.status).toBe(200);
    expect(await closed).toEqual([1012, Buffer.from("the relay restarts")]);
  });

  itWithProxy("keeps a silent connection open for as long as the relay pings it", async () => {
    const relay = await startRelay({ tls: "off", sweepIntervalMs: PING_INTERVAL_MS });
    const proxy = await startProxy(kind, relay.port);
    const socket = await dial(proxy);
    let pingCount = 0;
    const enough = new Promise<string>((resolve) => {
      socket.on("ping", () => {
        pingCount += 1;
        if (pingCount === PING_COUNT) resolve("open");
      });
      socket.on("close", () => resolve(`closed after ${pingCount} pings`));
    });

    expect(await enough).toBe("open");
  });

  itWithProxy("closes it where there are no pings: the test before can fail", async () => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await startProxy(kind, relay.port);

    const socket = await dial(proxy);
    const [code] = (await once(socket, "close")) as [number];

    expect(code).toBe(1006);
  });

  itWithProxy("says where a client really comes from, whatever the client says", async () => {
    const upstream = await recordHeaders();
    const proxy = await startProxy(kind, upstream.port);
    const lie = "203.0.113.9";

    await get(proxy, "/from", {
      localAddress: "127.0.0.2",
      headers: { "x-forwarded-for": lie, forwarded: `for=${lie}` },
    });

    const { "x-forwarded-for": from, forwarded, "x-forwarded-proto": scheme } = upstream.headers.at(-1) ?? {};
    expect({ from, forwarded, scheme }).toEqual({ from: "127.0.0.2", forwarded: undefined, scheme: "https" });
  });
});
