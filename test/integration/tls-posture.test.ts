import { once } from "node:events";
import { type ConnectionOptions, connect, getCiphers, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { CertificateFiles, makePair } from "../support/certificate-files.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { agree, openTls } from "../support/tls-client.ts";

const FORWARD_SECRET_AEAD = /^ECDHE-(RSA|ECDSA)-(AES(128|256)-GCM|CHACHA20-POLY1305)/;
/** Suites that other servers still take: without forward secrecy, without authenticated encryption, or over finite fields. */
const KNOWN_WEAK = [
  "AES128-SHA",
  "AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA256",
  "DHE-RSA-AES128-GCM-SHA256",
];

/** Lets a client offer what OpenSSL would not offer any more. */
function anything(ciphers: string): ConnectionOptions {
  return { ciphers: `${ciphers}:@SECLEVEL=0` };
}

it.each([
  ["TLSv1", "refused"],
  ["TLSv1.1", "refused"],
  ["TLSv1.2", "TLSv1.2"],
  ["TLSv1.3", "TLSv1.3"],
] as const)("meets a client that insists on %s: %s", async (version, outcome) => {
  const relay = await startRelay();

  const agreed = agree(relay, { minVersion: version, maxVersion: version, ...anything("ALL") });

  if (outcome === "refused") await expect(agreed).rejects.toThrow();
  else expect(await agreed).toMatchObject({ version: outcome });
});

it.each(["RSA", "ECDSA"])(
  "takes with TLS 1.2 and an %s key forward-secret AEAD suites, and not one other",
  async (kind) => {
    const relay = kind === "RSA" ? await startRelay() : await startWithFiles();

    const outcomes = new Map<string, string>();
    for (const suite of suitesOfTls12()) outcomes.set(suite, await outcomeOf(relay, suite));

    const suites = (outcome: string) => [...outcomes].filter(([, found]) => found === outcome).map(([suite]) => suite);
    expect(suites("taken").toSorted()).toEqual(
      [
        `ECDHE-${kind}-AES128-GCM-SHA256`,
        `ECDHE-${kind}-AES256-GCM-SHA384`,
        `ECDHE-${kind}-CHACHA20-POLY1305`,
      ].toSorted(),
    );
    expect(suites("taken").every((suite) => FORWARD_SECRET_AEAD.test(suite))).toBe(true);
    expect(suites("refused by the relay")).toEqual(expect.arrayContaining(KNOWN_WEAK));
  },
);

it("chooses the cheapest suite, whatever the client prefers; and ChaCha20 for who has no AES in hardware", async () => {
  const relay = await startRelay();

  const common = await agree(relay, { ciphers: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256" });
  const phone = await agree(relay, { ciphers: "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256" });

  expect(common.cipher).toBe("TLS_AES_128_GCM_SHA256");
  expect(phone.cipher).toBe("TLS_CHACHA20_POLY1305_SHA256");
});

it.each(["X25519", "P-256", "P-384"])("agrees on a key over %s", async (ecdhCurve) => {
  const relay = await startRelay();

  const socket = await openTls(relay, { ecdhCurve });

  expect(socket.getEphemeralKeyInfo()).toMatchObject({ type: "ECDH" });
});

it("refuses curves that are rarely used", async () => {
  const relay = await startRelay();

  await expect(agree(relay, { ecdhCurve: "brainpoolP256r1" })).rejects.toThrow();
  await expect(agree(relay, { ecdhCurve: "P-521" })).rejects.toThrow();
});

it.each([
  [["http/1.1"], "http/1.1"],
  [["h2", "http/1.1"], "http/1.1"],
  [undefined, false],
] as const)("answers ALPN %j with %s", async (protocols, alpn) => {
  const relay = await startRelay();

  expect(await agree(relay, protocols === undefined ? {} : { ALPNProtocols: [...protocols] })).toMatchObject({ alpn });
});

it.each([[["h2"]], [["acme-tls/1"]], [["h2", "acme-tls/1"]]])(
  "refuses ALPN %j, which it does not speak, with the alert for that",
  async (protocols) => {
    const relay = await startRelay();

    // RFC 7301 section 3.2: no_application_protocol.
    await expect(agree(relay, { ALPNProtocols: protocols, servername: "localhost" })).rejects.toMatchObject({
      code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    });
  },
);

it.each([["localhost"], ["not-in-the-certificate.example"], [""]])(
  "answers a client that asks for the name %j",
  async (name) => {
    const relay = await startRelay();

    const socket = await openTls(relay, { servername: name });
    socket.write("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    expect(await textFrom(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
  },
);

it("does not renegotiate", async () => {
  const relay = await startRelay();
  const socket = await openTls(relay, { maxVersion: "TLSv1.2" });

  const failure = await new Promise<Error | null>((resolve) => {
    socket.once("error", resolve);
    socket.renegotiate({}, resolve);
  });

  expect(failure).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
});

async function startWithFiles(): Promise<TestRelay> {
  const { keyFile: tlsKeyFile, certificateFile: tlsCertFile } = new CertificateFiles(makePair());
  return startRelay({ tls: "files", tlsKeyFile, tlsCertFile });
}

/** Every suite that this OpenSSL has below TLS 1.3. */
function suitesOfTls12(): readonly string[] {
  return getCiphers()
    .filter((name) => !name.startsWith("tls_"))
    .map((name) => name.toUpperCase());
}

/** What becomes of a client that offers one suite alone. Some (with PSK, SRP) need a secret that it does not have. */
function outcomeOf(relay: TestRelay, suite: string): Promise<string> {
  return new Promise((resolve) => {
    try {
      const socket = connect(
        { host: "127.0.0.1", port: relay.port, rejectUnauthorized: false, maxVersion: "TLSv1.2", ...anything(suite) },
        () => {
          resolve("taken");
          socket.destroy();
        },
      );
      socket.on("error", (error: NodeJS.ErrnoException) => {
        const isAlert = /ALERT_HANDSHAKE_FAILURE|ALERT_INSUFFICIENT_SECURITY/.test(error.code ?? "");
        resolve(isAlert ? "refused by the relay" : "not offered");
      });
    } catch {
      resolve("not offered");
    }
  });
}

async function textFrom(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks).toString();
}
