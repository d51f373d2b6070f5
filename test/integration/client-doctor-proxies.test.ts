import { createServer } from "node:net";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { type Clock, systemClock } from "../../client/clock.ts";
import { type DiagnoseOptions, type Diagnosis, diagnoseBy } from "../../client/doctor/diagnosis.ts";
import { diagnose } from "../../client/doctor.ts";
import { bare, HttpProxy, type ProxyVerdict } from "../support/http-proxy.ts";
import { startRelay } from "../support/relay.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { SocksProxy } from "../support/socks-proxy.ts";
import { writeTemporary } from "../support/tokens.ts";
import { WayProxy } from "../support/way-proxy.ts";

const VARIABLES = ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
/** Nothing knows it, but for the proxy. */
const NOWHERE = "relay.nowhere.invalid";
const hosts = { [NOWHERE]: "127.0.0.1" };
const ca = { tls: { ca: sharedCertificate().certificate } };

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

it("goes all the way by an HTTP proxy, which alone knows the relay's name", async () => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await HttpProxy.start({ hosts });

  const { verdict, findings, proxy: info } = await diagnose(`ws://${NOWHERE}:${relay.port}`, { proxy: proxy.url() });

  expect(verdict).toMatchObject({ works: true, hindrance: undefined });
  expect(info).toEqual({ url: proxy.url(), source: "option" });
  expect(findings.slice(0, 3)).toEqual([
    { check: "proxy", state: "ok", text: expect.stringMatching(/set by the option proxy, answers in \d+ ms$/) },
    { check: "name", state: "skipped", text: "the proxy looks it up" },
    { check: "tcp", state: "ok", text: expect.stringContaining(`connected to port ${relay.port} of ${NOWHERE}`) },
  ]);
  expect(findings.filter(({ state }) => state === "failed" || state === "warned")).toEqual([]);
  await expect.poll(() => relay.figures().connections).toBe(0);
});

it.each([
  ["an HTTP proxy that wants to know its user", async () => (await HttpProxy.start()).url("user:pass")],
  ["a proxy with TLS", async () => (await HttpProxy.start({ tls: sharedCertificate() })).url()],
  ["a SOCKS proxy", async () => (await SocksProxy.start({ user: "user:pass" })).url("user:pass")],
] as const)("sees TLS and a WebSocket through %s", async (_what, start) => {
  const relay = await startRelay();

  const { verdict, findings } = await diagnose(relay.url, { ...ca, proxy: await start() });

  expect(verdict).toMatchObject({ works: true, hindrance: undefined });
  expect(findings.filter(({ state }) => state === "ok").map(({ check }) => check)).toEqual(
    expect.arrayContaining(["proxy", "tcp", "tls", "first flight", "upgrade", "frames", "throughput"]),
  );
});

it("sees the long poll through the proxy, where the upgrade is stripped behind it", async () => {
  const relay = await startRelay({ tls: "off" });
  const stripping = await WayProxy.to(relay.port, "strip");
  const proxy = await HttpProxy.start({ hosts });

  const { verdict } = await diagnose(`ws://${NOWHERE}:${stripping.port}`, { proxy: proxy.url() });

  expect(verdict).toMatchObject({ works: true, hindrance: "upgrade-stripped" });
});

it("finds the proxy in the environment, and says which exception sends it past that", async () => {
  const relay = await startRelay();
  const proxy = await HttpProxy.start();
  vi.stubEnv("HTTPS_PROXY", proxy.url("user:hidden-password"));

  const by = await diagnose(relay.url, ca);
  vi.stubEnv("NO_PROXY", "example.test,localhost");
  const past = await diagnose(relay.url, ca);

  expect(by.proxy).toEqual({ url: proxy.url(), source: "HTTPS_PROXY" });
  expect(past.proxy).toEqual({ url: proxy.url(), source: "HTTPS_PROXY", noProxyEntry: "localhost" });
  expect(past.findings[0]?.text).toMatch(/set by HTTPS_PROXY, is not for this relay: localhost is an exception$/);
  expect(past.findings[1]).toMatchObject({ check: "name", state: "ok" });
  expect(JSON.stringify([by, past])).not.toContain("hidden");
});

it("goes by the next proxy of a script where one cannot be reached, and says so; or directly", async () => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await HttpProxy.start();

  const next = await diagnose(relay.url, byScript(`PROXY 127.0.0.1:1; PROXY localhost:${proxy.port}`));
  const direct = await diagnose(relay.url, byScript("DIRECT"));

  const works = { works: true, hindrance: undefined };
  expect([next.verdict, direct.verdict]).toMatchObject([works, works]);
  expect(next.proxy).toEqual({ url: proxy.url(), source: "option (PAC)" });
  expect(next.findings[0]).toMatchObject({
    state: "warned",
    text: expect.stringMatching(/set by the option proxy \(PAC\), answers in .*; before it http:\/\/127\.0\.0\.1:1: /),
  });
  expect(direct.findings[0]).toMatchObject({ state: "ok", text: expect.stringContaining("says DIRECT") });
  expect(proxy.requests.length).toBeGreaterThan(0);
});

it.each([
  [
    "wants its user to sign in",
    bare("407 No", 'Proxy-Authenticate: Basic realm="Corp", Negotiate'),
    "proxy-auth-required",
    /wants to know the user; it offers Basic, Negotiate/,
  ],
  [
    "does not allow it",
    page("403 Forbidden", "<title>x</title><p>Not &amp; never.</p>"),
    "proxy-refused",
    /says 403 Forbidden \(set by the option proxy\): Not & never\./,
  ],
  ["cannot reach it", bare("503 Service Unavailable"), "proxy-refused", /says 503/],
  ["speaks no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "proxy-refused", /speaks no HTTP/],
] as const)("says of a proxy that %s: %s", async (_what, answer, cause, text) => {
  const proxy = await HttpProxy.start({ judge: () => ({ answer, next: "end" }) });

  const { verdict, findings } = await diagnose(`wss://${NOWHERE}`, { proxy: proxy.url() });

  expect(verdict).toMatchObject({ works: false, cause });
  expect(findings[0]).toMatchObject({ check: "proxy", state: "failed", text: expect.stringMatching(text) });
});

it("says of a wrong password: proxy-auth-required, and never repeats it, even where the proxy's page does", async () => {
  const proxy = await HttpProxy.start({
    judge: ({ authorization = "" }): ProxyVerdict => ({
      answer: page("403 Forbidden", `hidden-user, ${authorization}`),
    }),
  });
  const other = await HttpProxy.start({ judge: () => ({ answer: bare("407 No", "Proxy-Authenticate: Basic") }) });

  const echoed = await diagnose("wss://localhost", { proxy: proxy.url("hidden-user:hidden-password") });
  const wrong = await diagnose("wss://localhost", { proxy: other.url("hidden-user:hidden-password") });

  expect(causeOf(echoed)).toBe("proxy-refused");
  expect(wrong.findings[0]?.text).toContain("does not take this user and password; it offers Basic");
  const told = JSON.stringify([echoed, wrong]);
  expect(told).not.toContain("hidden");
  expect(told).not.toContain(Buffer.from("hidden-user:hidden-password").toString("base64"));
});

it("tells a proxy that is not there from one that never says whether it connects", async () => {
  const silent = await HttpProxy.start({ judge: () => ({ answer: "" }) });

  const gone = await hurriedly("wss://localhost", { proxy: "http://127.0.0.1:1" });
  const mute = await hurriedly("wss://localhost", { proxy: silent.url() });

  expect(causeOf(gone)).toBe("proxy-unreachable");
  expect(causeOf(mute)).toBe("proxy-refused");
  expect(mute.findings[0]?.text).toContain("does not say in 6000 ms whether it connects");
});

it("says of a variable that names no proxy: proxy-invalid; and refuses such an option at once", async () => {
  vi.stubEnv("HTTPS_PROXY", "ftp://hidden@proxy.test");

  const diagnosis = await diagnose("wss://localhost");

  expect(causeOf(diagnosis)).toBe("proxy-invalid");
  expect(diagnosis.findings[0]?.text).toContain("HTTPS_PROXY");
  expect(JSON.stringify(diagnosis)).not.toContain("hidden");
  await expect(diagnose("wss://localhost", { proxy: "ftp://proxy.test" })).rejects.toMatchObject({
    code: "option-invalid",
  });
});

it("says what it finds behind a proxy that takes all, where no relay is", async () => {
  const proxy = await HttpProxy.start();
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => socket.end("HTTP/1.1 302 Found\r\n\r\n"));
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  expect(causeOf(await diagnose(`wss://127.0.0.1:${port}`, { proxy: proxy.url() }))).toBe("no-tls");
});

/** As `diagnose`, with a tenth of its patience. */
function hurriedly(address: string, options: DiagnoseOptions): Promise<Diagnosis> {
  const clock: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 10, task) };
  return diagnoseBy({ clock, platform: process.platform, env: process.env }, address, options);
}

function causeOf({ verdict }: Diagnosis): string {
  return verdict.works ? "works" : verdict.cause;
}

function page(status: string, html: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: ${Buffer.byteLength(html)}\r\n\r\n${html}`;
}

/** By a PAC file that always says the same. */
function byScript(answer: string): DiagnoseOptions {
  const file = writeTemporary("proxy.pac", `function FindProxyForURL() { return "${answer}"; }`);
  return { proxy: `pac+${pathToFileURL(file).href}` };
}
