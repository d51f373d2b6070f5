import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { expect, it, onTestFinished } from "vitest";
import { makePair } from "../support/certificate-files.ts";
import { startRelay } from "../support/relay.ts";
import { TlsInterceptor } from "../support/tls-interceptor.ts";

const CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
/** As Chromium greets, in OpenSSL's names; measured with Chromium 156. */
const CHROMIUM_SIGALGS =
  "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pkcs1_sha256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:rsa_pkcs1_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha512";

type Asking = {
  readonly agent?: Agent;
  readonly userAgent?: string;
  readonly sigalgs?: string;
  readonly alpn?: string[];
};

async function hello(url: string, ca = "", { agent, userAgent = CHROME, sigalgs, alpn = ["http/1.1"] }: Asking = {}) {
  const options = {
    ca,
    headers: { "user-agent": userAgent },
    ALPNProtocols: alpn,
    ...(agent && { agent }),
    ...(sigalgs === undefined ? {} : { sigalgs }),
  };
  const asked = request(`${url.replace("wss:", "https:")}/hello`, options);
  asked.end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const chunks = await answer.toArray();
  return JSON.parse(Buffer.concat(chunks).toString()) as {
    readonly tls: { readonly is_resumed: boolean; readonly signature_algorithms: string[] } | null;
    readonly intercepted: string;
  };
}

it("says that TLS was ended on the way where a browser asks and no browser has greeted", async () => {
  const relay = await startRelay();
  const pair = makePair();
  const { url } = await TlsInterceptor.start(relay, pair);

  // The browser greets as it does, and the interceptor as Node.
  expect(await hello(url, pair.certificate, { sigalgs: CHROMIUM_SIGALGS })).toMatchObject({
    intercepted: "yes",
    tls: { version: "TLSv1.3", signature_algorithms: expect.arrayContaining(["Ed448+UNDEF"]) },
  });
  expect(await hello(relay.url, relay.certificate, { sigalgs: CHROMIUM_SIGALGS, alpn: [] })).toMatchObject({
    intercepted: "yes",
  });
});

it("says nothing of a browser that greets as one, of programs, and of a session that is resumed", async () => {
  const relay = await startRelay();
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
  onTestFinished(() => agent.destroy());
  const ca = relay.certificate;

  const browser = await hello(relay.url, ca, { sigalgs: CHROMIUM_SIGALGS });
  const program = await hello(relay.url, ca, { userAgent: "curl/8" });
  const [first, resumed] = [await hello(relay.url, ca, { agent }), await hello(relay.url, ca, { agent })];

  expect(browser).toMatchObject({ intercepted: "unknown", tls: { alpn: "http/1.1", is_resumed: false } });
  expect(program.intercepted).toBe("unknown");
  expect(first).toMatchObject({ intercepted: "yes", tls: { is_resumed: false } });
  expect(resumed).toMatchObject({ intercepted: "unknown", tls: { is_resumed: true } });
});
