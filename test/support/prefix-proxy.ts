import { createServer, type IncomingHttpHeaders, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { onTestFinished } from "vitest";
import type { TestRelay } from "./relay.ts";

/**
 * A proxy that serves a relay without TLS below a path, as nginx does with `location /prefix/ { proxy_pass http://relay/; }`.
 * It ends with the test. @param added headers that it sets.
 * @returns its address, without the path.
 */
export async function startPrefixProxy(
  relay: TestRelay,
  prefix: string,
  added: IncomingHttpHeaders = {},
): Promise<string> {
  const target = { host: "127.0.0.1", port: relay.port };
  const pathBehind = (url = ""): string | undefined =>
    url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : undefined;
  const proxy = createServer((incoming, response) => {
    const path = pathBehind(incoming.url);
    if (path === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { method = "GET", headers } = incoming;
    const outgoing = request({ ...target, method, path, headers: { ...headers, ...added } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.writeHead(502).end());
    incoming.pipe(outgoing);
  });
  proxy.on("upgrade", (incoming, socket, head) => {
    const behind = connect(target, () => {
      const headers = incoming.rawHeaders
        .map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
        .join("");
      behind.write(`GET ${pathBehind(incoming.url) ?? "/404"} HTTP/1.1\r\n${headers}\r\n`);
      behind.write(head);
      behind.pipe(socket).pipe(behind);
    });
    for (const side of [behind, socket]) {
      side.on("error", () => [behind, socket].forEach((other) => other.destroy()));
    }
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  return `http://localhost:${(proxy.address() as AddressInfo).port}`;
}
