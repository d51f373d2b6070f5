import type { IncomingMessage } from "node:http";
import { expect, it } from "vitest";
import { TryItPage } from "../../relay/try-it/try-it-page.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { startRelay } from "../support/relay.ts";

const REQUEST = { headers: {} } as IncomingMessage;
const BROWSER = { headers: { accept: "text/html,application/xhtml+xml" } };

it("shows browsers the try-it page at /, and programs JSON", async () => {
  const relay = await startRelay();

  const page = await ask(relay, "/", BROWSER);
  const other = await ask(relay, "/");

  expect(page.status).toBe(200);
  expect(page.headers).toMatchObject({ "content-type": "text/html; charset=utf-8", vary: "accept" });
  expect(page.body).toContain("Try it in two tabs");
  expect(JSON.parse(other.body)).toMatchObject({ error: "This is a WebSocket relay endpoint", service: "postern" });
});

it("lets the page use nothing but its own two files and this relay", async () => {
  const relay = await startRelay();

  const { headers, body } = await ask(relay, "/", BROWSER);

  const policy = String(headers["content-security-policy"]).split("; ");
  expect(policy).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]),
  );
  expect(policy.join()).not.toContain("unsafe");
  expect(headers["referrer-policy"]).toBe("no-referrer");
  // Relative: it may be served below a path.
  const links = [...body.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, link]) => link);
  expect(links).toEqual([
    "data:,",
    "try-it/style.css",
    "try-it/page.js",
    "try-it/page.js",
    "doctor",
    "#",
    "health",
    "ready",
    "doctor",
  ]);
  expect(body).not.toMatch(/<style|style=|<script(?! type="module" src="try-it\/page\.js">)| on\w+=/);
});

it("serves the script with the client library in it, compressed for those who take it", async () => {
  const relay = await startRelay();

  const plain = await ask(relay, "/try-it/page.js");
  const style = await ask(relay, "/try-it/style.css");
  const open = await startRelay({ tls: "off" });
  const packed = await fetch(`http://localhost:${open.port}/try-it/page.js`);

  expect(plain.headers["content-type"]).toBe("text/javascript; charset=utf-8");
  expect(plain.body).toContain("postern.v1");
  expect(plain.body).not.toMatch(/\bnode:|innerHTML|\beval\(/);
  expect(packed.headers.get("content-encoding")).toBe("gzip");
  expect(Number(packed.headers.get("content-length"))).toBeLessThan(42_500);
  expect(await packed.text()).toBe(plain.body);
  expect(style.headers["content-type"]).toBe("text/css; charset=utf-8");
});

it("has at /doctor a page of its own, as strict and much smaller", async () => {
  const relay = await startRelay({ tls: "off" });
  const at = (path: string): Promise<Response> => fetch(`http://localhost:${relay.port}${path}`);

  const [page, tryIt, script] = [
    await at("/doctor"),
    await fetch(`http://localhost:${relay.port}/`, BROWSER),
    await at("/try-it/doctor.js"),
  ];

  const body = await page.text();
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("content-security-policy")).toBe(tryIt.headers.get("content-security-policy"));
  const links = [...body.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, link]) => link);
  expect(links).toEqual(["data:,", "try-it/style.css", "try-it/doctor.js", "try-it/doctor.js", "."]);
  expect(body).not.toMatch(/<style|style=|<script(?! type="module" src="try-it\/doctor\.js">)| on\w+=/);
  expect(Number(script.headers.get("content-length"))).toBeLessThan(15_000);
  expect(await script.text()).not.toMatch(/\bnode:|innerHTML|\beval\(/);
});

it("tells programs at / the STUN port, where there is one", async () => {
  const stunPort = await freePort();
  const [without, having] = [await startRelay(), await startRelay({ host: "127.0.0.1", stunPort })];

  expect(JSON.parse((await ask(without, "/")).body)).not.toHaveProperty("stun_port");
  expect(JSON.parse((await ask(having, "/")).body)).toMatchObject({ stun_port: stunPort });
});

it("says what is missing where the script cannot be made, and tries it once", async () => {
  let attemptCount = 0;
  const page = new TryItPage({
    readScript: () => {
      attemptCount += 1;
      return Promise.reject(new Error("no bundler"));
    },
  });
  const script = page.file("/try-it/page.js");

  const answers = [await script?.(REQUEST), await script?.(REQUEST)];

  expect(answers.map((answer) => answer?.status)).toEqual([503, 503]);
  expect(answers[0]?.body).toBe("The script of this page could not be made. In a checkout: npm ci");
  expect(attemptCount).toBe(1);
  expect(page.file("/try-it/other.js")).toBeUndefined();
});

it("answers 404 with a plain sentence where the page is off, and where no topics are spoken", async () => {
  const adminPort = await freePort();
  const off = await startRelay({ tryItPage: false, adminPort, adminToken: ADMIN_TOKEN });
  const pairs = await startRelay({ dialects: ["pair"] });

  for (const relay of [off, pairs]) {
    const { status, headers, body } = await ask(relay, "/", BROWSER);

    expect(status).toBe(404);
    expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(body).toBe("This is a relay: apps connect to it by WebSocket. It shows no page here.");
    for (const path of ["/try-it/page.js", "/try-it/doctor.js", "/doctor"]) {
      expect((await ask(relay, path, BROWSER)).status).toBe(404);
    }
    expect((await ask(relay, "/")).status).toBe(200);
  }
});

it("does not show the version where it is not to be told", async () => {
  const relay = await startRelay({ showVersion: false });

  expect((await ask(relay, "/", BROWSER)).body).not.toContain("Version");
});
