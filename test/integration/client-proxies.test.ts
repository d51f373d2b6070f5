import { expect, it, onTestFinished } from "vitest";
import type { ConnectError } from "../../client/errors.ts";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { eventually } from "../support/eventually.ts";
import { bare, HttpProxy } from "../support/http-proxy.ts";
import { causeOf, failureOf, outcomeOf } from "../support/node-dial.ts";
import { startRelay } from "../support/relay.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { SocksProxy } from "../support/socks-proxy.ts";

it("reaches a relay by an HTTP proxy with everything on top: two members, sealed, and who has decided", async () => {
  const relay = await startRelay();
  const proxy = await HttpProxy.start();
  const secret = newSecret();
  const options = { tls: { ca: relay.certificate }, proxy: proxy.url("user:pass") };
  const [near, far] = [connect(relay.url, options), connect(relay.url, { ...options, proxy: "none" })];
  onTestFinished(() => Promise.all([near.close(), far.close()]).then(() => undefined));
  const [here, there] = await Promise.all([near.join({ secret }), far.join({ secret })]);
  const texts: string[] = [];
  there.on("message", ({ text }) => texts.push(text));

  await here.broadcast("through the proxy");

  await eventually(() => expect(texts).toEqual(["through the proxy"]));
  expect(near.info.proxy).toEqual({ url: `http://localhost:${proxy.port}`, source: "option" });
  expect(near.info.tls).toMatchObject({ issuer: "localhost", isSmallHello: false });
  expect(far.info.proxy).toBeUndefined();
  expect(proxy.requests).toEqual([
    {
      authority: `localhost:${relay.port}`,
      authorization: `Basic ${Buffer.from("user:pass").toString("base64")}`,
      connection: 1,
      round: 1,
    },
  ]);
});

it("finds the proxy in the environment, and goes without it where NO_PROXY says so, and says which entry", async () => {
  const relay = await startRelay();
  const proxy = await HttpProxy.start();
  const tls = { ca: relay.certificate };
  const env = { HTTPS_PROXY: `localhost:${proxy.port}` };

  expect(await outcomeOf(relay.url, { tls, proxy: "env", env })).toMatchObject({
    proxy: { url: `http://localhost:${proxy.port}`, source: "HTTPS_PROXY" },
  });
  expect(proxy.requests).toHaveLength(1);
  expect(await outcomeOf(relay.url, { tls, env: { ...env, NO_PROXY: "example.test,localhost" } })).toMatchObject({
    proxy: { url: `http://localhost:${proxy.port}`, source: "HTTPS_PROXY", noProxyEntry: "localhost" },
  });
  expect(proxy.requests).toHaveLength(1);
});

it("has names looked up by the proxy: here they may not even exist", async () => {
  const relay = await startRelay({ tls: "off" });
  const http = await HttpProxy.start({ hosts: { "relay.nowhere.invalid": "127.0.0.1" } });
  const socks = await SocksProxy.start({ hosts: { "relay.nowhere.invalid": "127.0.0.1" } });
  const address = `ws://relay.nowhere.invalid:${relay.port}`;

  expect(await outcomeOf(address, { proxy: http.url() })).toMatchObject({ proxy: { url: http.url() } });
  expect(await outcomeOf(address, { proxy: socks.url() })).toMatchObject({ proxy: { url: socks.url() } });
  expect(socks.asked).toEqual([`name relay.nowhere.invalid:${relay.port}`]);
  expect(await causeOf(address, { proxy: "none" })).toContain("(E");
});

it("goes by a proxy with TLS, whose authority the system or the app knows, and by none that is a stranger's", async () => {
  const relay = await startRelay();
  const strange = createSelfSigned({ names: ["localhost"], notBefore: new Date(Date.now() - 60_000), lifetimeDays: 3 });
  const [known, stranger] = [
    await HttpProxy.start({ tls: sharedCertificate() }),
    await HttpProxy.start({ tls: strange }),
  ];
  const tls = { ca: relay.certificate };

  expect(await outcomeOf(relay.url, { tls, proxy: known.url() })).toMatchObject({ proxy: { url: known.url() } });
  expect(await failureOf(relay.url, { tls, proxy: stranger.url() })).toMatchObject({
    refusal: { code: "proxy-unreachable" },
    cause: { message: expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT") },
  });
  expect(stranger.requests).toEqual([]);
});

it("signs in with three legs on one connection, as NTLM wants it", async () => {
  const relay = await startRelay();
  const legs = ["NTLM bmVnb3RpYXRl", "NTLM YXV0aGVudGljYXRl"];
  // Like a proxy with NTLM: it knows a connection, and the last leg counts only where the first one was.
  const signedUp = new Set<number>();
  const proxy = await HttpProxy.start({
    judge: ({ authorization, connection }) => {
      if (authorization === legs[0]) signedUp.add(connection);
      if (authorization === legs[1] && signedUp.has(connection)) return "tunnel";
      const offer = authorization === legs[0] ? ["NTLM Y2hhbGxlbmdl"] : ["Negotiate", "NTLM"];
      const fields = offer.map((scheme) => `Proxy-Authenticate: ${scheme}\r\n`).join("");
      return { answer: `HTTP/1.1 407 Who are you\r\n${fields}Content-Length: 9\r\n\r\n<h1>407</` };
    },
  });
  const asked: unknown[] = [];
  const onProxyAuth = async ({ round, challenges, url }: { round: number; challenges: unknown; url: string }) => {
    asked.push([round, challenges, url]);
    return legs[round - 1];
  };

  const outcome = await outcomeOf(relay.url, {
    tls: { ca: relay.certificate },
    proxy: { url: proxy.url(), onProxyAuth },
  });

  expect(outcome).toMatchObject({ proxy: { url: proxy.url() } });
  expect(asked).toEqual([
    [
      1,
      [
        { scheme: "Negotiate", parameters: "" },
        { scheme: "NTLM", parameters: "" },
      ],
      proxy.url(),
    ],
    [2, [{ scheme: "NTLM", parameters: "Y2hhbGxlbmdl" }], proxy.url()],
  ]);
  expect(proxy.requests.map(({ connection, round }) => [connection, round])).toEqual([
    [1, 1],
    [1, 2],
    [1, 3],
  ]);
});

it("reads a 407 to its end whatever its body is framed by, and comes anew where the proxy has closed", async () => {
  const relay = await startRelay();
  const body = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\nTrailer: x\r\n\r\n";
  const verdicts = [
    { answer: `HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\n${body}` },
    { answer: bare("407 No", "Proxy-Authenticate: Basic", "Connection: close"), next: "end" } as const,
    { answer: "HTTP/1.0 407 No\r\nProxy-Authenticate: Basic\r\n\r\nuntil the end", next: "end" } as const,
  ];
  const proxy = await HttpProxy.start({ judge: () => verdicts.shift() ?? "tunnel" });

  const outcome = await outcomeOf(relay.url, {
    tls: { ca: relay.certificate },
    proxy: { url: proxy.url(), onProxyAuth: ({ round }) => `Basic ${round}` },
  });

  expect(outcome).toMatchObject({ proxy: { url: proxy.url() } });
  expect(proxy.requests.map(({ connection, authorization }) => [connection, authorization])).toEqual([
    [1, undefined],
    [1, "Basic 1"],
    [2, "Basic 2"],
    [3, "Basic 3"],
  ]);
});

it("says what the proxy offers where it wants a user, and stops: an account is locked after a few wrong passwords", async () => {
  const offer = bare(
    "407 Proxy Authentication Required",
    'Proxy-Authenticate: Basic realm="x"',
    "Proxy-Authenticate: NTLM",
  );
  const proxy = await HttpProxy.start({ judge: () => ({ answer: offer }) });
  const relay = connect("wss://relay.nowhere.invalid", {
    proxy: proxy.url("user:hidden-word"),
    reconnect: { minDelayMs: 1 },
  });
  onTestFinished(() => relay.close());

  const error: unknown = await relay.join("t", { public: true }).catch((reason: unknown) => reason);

  expect(error).toMatchObject({
    code: "proxy-auth-required",
    status: 407,
    message: expect.stringMatching(/^The proxy refuses this user: /),
    remedy: "See the cause.",
    cause: { schemes: ["Basic", "NTLM"], proxy: `http://localhost:${proxy.port}` },
  });
  expect((error as ConnectError).message).toContain("does not take this user and password; it offers Basic, NTLM");
  expect(JSON.stringify([error, (error as ConnectError).message])).not.toContain("hidden-word");
  expect(relay.state).toBe("closed");
  expect(proxy.requests).toHaveLength(1);
});

it.each([
  ["403 Forbidden", "proxy-refused", "never"],
  ["302 Found", "proxy-refused", "never"],
  ["503 Service Unavailable", "proxy-refused", "again"],
  ["407 No", "proxy-auth-required", "never"],
])("takes %s for %s, which is tried %s", async (status, code, reconnect) => {
  const proxy = await HttpProxy.start({ judge: () => ({ answer: bare(status, "Location: http://portal.test/") }) });

  const { refusal, cause } = await failureOf("wss://relay.nowhere.invalid", { proxy: proxy.url() });

  expect(refusal).toMatchObject({ code, status: Number(status.slice(0, 3)), passes: reconnect === "again" });
  expect(cause).toMatchObject({ message: expect.stringContaining(`http://localhost:${proxy.port}`) });
});

it("never goes direct where the proxy is not there: it says so, and the relay hears nothing", async () => {
  const relay = await startRelay();
  const { port } = await HttpProxy.start({ judge: () => ({ answer: "", next: "destroy" }) });

  const cut = await failureOf(relay.url, { tls: { ca: relay.certificate }, proxy: `http://localhost:${port}` });
  const absent = await failureOf(relay.url, { proxy: "http://127.0.0.1:1" });
  const nameless = await failureOf(relay.url, { proxy: "http://proxy.nowhere.invalid:3128" });

  expect(cut.refusal).toMatchObject({ code: "proxy-refused", passes: true });
  expect(absent).toMatchObject({
    refusal: { code: "proxy-unreachable", passes: true },
    cause: { message: "http://127.0.0.1:1: nothing listens at this address and port (ECONNREFUSED)" },
  });
  expect(nameless.refusal).toMatchObject({ code: "proxy-unreachable" });
  expect(relay.figures().connections).toBe(0);
});

it("goes by SOCKS 5 with a user and without, and tells its replies", async () => {
  const relay = await startRelay();
  const tls = { ca: relay.certificate };
  const open = await SocksProxy.start();
  const closed = await SocksProxy.start({ user: "me:my word" });

  expect(await outcomeOf(relay.url, { tls, proxy: open.url() })).toMatchObject({ proxy: { url: open.url() } });
  expect(await outcomeOf(relay.url, { tls, proxy: closed.url("me:my%20word") })).toMatchObject({
    proxy: { url: closed.url() },
  });
  expect((await failureOf(relay.url, { proxy: closed.url("me:other") })).refusal).toMatchObject({
    code: "proxy-auth-required",
  });
  expect((await failureOf(relay.url, { proxy: closed.url() })).refusal).toMatchObject({ code: "proxy-auth-required" });
  const ruled = await SocksProxy.start({ reply: 2 });
  expect(await failureOf("wss://[2001:db8::5]:443", { proxy: ruled.url() })).toMatchObject({
    refusal: { code: "proxy-refused", passes: false },
    cause: { message: expect.stringContaining("its rules do not allow it") },
  });
  expect(ruled.asked).toEqual(["ipv6 2001:0db8:0000:0000:0000:0000:0000:0005:443"]);
  const down = await SocksProxy.start({ reply: 5 });
  expect((await failureOf("wss://10.1.2.3:4433", { proxy: down.url() })).refusal).toMatchObject({ passes: true });
  expect(down.asked).toEqual(["ipv4 10.1.2.3:4433"]);
});

it.each([
  [{ proxy: "ftp://proxy.test" }, /The option proxy names a proxy of a kind that is not there/],
  [{ proxy: "http://" }, /The option proxy is no URL of a proxy/],
  [{ proxy: { url: "http://a:%@b" } }, /write %25/],
  [{ tls: { fingerprint: [] } }, /tls.fingerprint/],
  [{ tls: { fingerprint: ["AB".repeat(32), "AB"] } }, /tls.fingerprint/],
])("refuses %j at once", (options, sentence) => {
  const dial = (): unknown => connect("wss://relay.nowhere.invalid", options);

  expect(dial).toThrow(sentence);
  expect(dial).toThrow(expect.objectContaining({ code: "option-invalid" }));
});

it.each(["websocket", "polling"] as const)(
  "asks a proxy that refuses the user no second time, by %s alone",
  async (way) => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await HttpProxy.start({
      judge: () => ({ answer: bare("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="a"') }),
    });
    const client = connect(relay.url, { proxy: proxy.url("user:wrong"), transports: [way] });
    onTestFinished(() => client.close());

    const error = await client.join("topic", { public: true, timeoutMs: 4000 }).catch((cause: unknown) => cause);

    expect(error).toMatchObject({ code: "proxy-auth-required" });
    expect(client.state).toBe("closed");
    // A poll and an upload go at once.
    expect(proxy.requests.length).toBeLessThanOrEqual(way === "polling" ? 2 : 1);
  },
);
