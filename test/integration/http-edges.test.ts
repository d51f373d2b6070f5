import { expect, it } from "vitest";
import { VERSION } from "../../relay/version.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { answerTo, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** What a browser says of the page that asks. */
const FROM_PAGE = ["Origin: https://app.example.com", "Connection: close"];

/** The head of an answer behind which the connection stays open. */
async function headFor(relay: TestRelay, request: string): Promise<string> {
  const raw = await RawSocket.open(relay);
  raw.write(request);
  await eventually(() => expect(raw.text()).toContain("\r\n\r\n"));
  return raw.text().split("\r\n\r\n", 1)[0] ?? "";
}

/** A plain request for a page. */
function get(target: string, headerLines: readonly string[] = [], version = "1.1"): string {
  return [`GET ${target} HTTP/${version}`, "Host: localhost", ...headerLines, "", ""].join("\r\n");
}

it.each(["Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "Upgrade: TLS/1.0", "Upgrade: foo/2, bar"])(
  "passes over an offer of another protocol, and answers every page as without it: %s",
  async (offer) => {
    const relay = await startRelay();

    for (const target of ["/", "/health", "/ready", "/stats"]) {
      const answer = await answerTo(relay, get(target, ["Connection: Upgrade", offer]));

      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    }
  },
);

it("upgrades nothing of HTTP/1.0, which has no upgrade", async () => {
  const relay = await startRelay();

  expect(await answerTo(relay, upgradeRequest().replace("HTTP/1.1", "HTTP/1.0"))).toMatch(/^HTTP\/1\.1 200 /);
});

it.each(["http://localhost/health", "https://localhost/ready", "HTTP://localhost:443/stats", "https://localhost"])(
  "serves a target in absolute-form: %s",
  async (target) => {
    const relay = await startRelay();

    expect(await answerTo(relay, get(target, ["Connection: close"]))).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  },
);

it.each(["wss://localhost/", "https://localhost/plures", "http://localhost"])(
  "upgrades at a target in absolute-form: %s",
  async (target) => {
    const relay = await startRelay();

    expect(await headFor(relay, upgradeRequest([], target))).toMatch(/^HTTP\/1\.1 101 /);
  },
);

it("answers 426 where the Upgrade of a handshake was taken out on the way, and counts and logs it by its own word", async () => {
  const relay = await startRelay({ accessLog: "all", adminToken: "sixteen--letters" });
  const stripped = upgradeRequest()
    .split("\r\n")
    .filter((line) => !/^(Upgrade|Connection):/i.test(line))
    .join("\r\n");

  const answer = await answerTo(relay, stripped);

  expect(answer).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\n/);
  expect(answer).toMatch(/\r\nupgrade: websocket\r\n/i);
  expect(answer).toMatch(/\r\nX-Refusal: upgrade-stripped\r\n/i);
  expect(answer).toContain("a proxy between you and the relay");
  await eventually(() =>
    expect(relay.logLines()).toContainEqual(
      expect.objectContaining({ msg: "refuse", reason: "upgrade-stripped", status: 426 }),
    ),
  );
});

it.each(["", " ", ",", " , ,"])("takes an empty list of subprotocols for none: %j", async (list) => {
  const relay = await startRelay();

  const answer = await headFor(relay, upgradeRequest([`Sec-WebSocket-Protocol:${list}`]));

  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer).not.toMatch(/sec-websocket-protocol/i);
});

it.each([
  ["postern.v9", 400],
  ["postern.v9, postern.token.x", 400],
  ["postern.v9, chat", 400],
  ["postern.v9, postern.v1", 101],
  ["chat", 101],
])("refuses versions of postern that it does not speak, alone: %s", async (offered, status) => {
  const relay = await startRelay();

  expect(await headFor(relay, upgradeRequest([`Sec-WebSocket-Protocol: ${offered}`]))).toMatch(
    new RegExp(`^HTTP/1\\.1 ${status} `),
  );
});

it("tells browsers to use TLS alone where it is told to, on every page, and over TLS only", async () => {
  const silent = await startRelay();
  const told = await startRelay({ hstsMaxAgeSeconds: 31_536_000 });
  const plain = await startRelay({ hstsMaxAgeSeconds: 31_536_000, tls: "off" });

  for (const target of ["/", "/health", "/ready", "/stats", "/nowhere"]) {
    const request = get(target, ["Connection: close"]);

    expect(await answerTo(told, request)).toMatch(/\r\nstrict-transport-security: max-age=31536000\r\n/);
    for (const relay of [silent, plain]) expect(await answerTo(relay, request)).not.toMatch(/strict-transport/i);
  }
});

it("leaves its version out of every page where it is told to", async () => {
  const relay = await startRelay({ showVersion: false });
  const page = ["Accept: text/html", "Connection: close"];

  for (const lines of [page, ["Connection: close"]]) {
    for (const target of ["/", "/health", "/ready", "/stats", "/nowhere"]) {
      const answer = await answerTo(relay, get(target, lines));

      expect(answer).not.toContain(VERSION);
      expect(answer).not.toMatch(/version/i);
    }
  }
  expect(await answerTo(await startRelay(), get("/health", ["Connection: close"]))).toContain(VERSION);
});

it("says whom to tell of a security problem where it is told, and else has no such page", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ securityContact: "mailto:security@example.com" }, clock);
  const request = get("/.well-known/security.txt", ["Connection: close"]);

  const answer = await answerTo(relay, request);

  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain; charset=utf-8\r\n/);
  const [, expires = ""] =
    /\r\n\r\nContact: mailto:security@example\.com\nExpires: (\d{4}-\d\d-\d\dT00:00:00Z)\n$/.exec(answer) ?? [];
  const days = (Date.parse(expires) - clock.epochMs()) / 86_400_000;
  expect(days).toBeGreaterThan(89);
  expect(days).toBeLessThanOrEqual(90);
  expect(await answerTo(await startRelay(), request)).toMatch(/^HTTP\/1\.1 404 /);
});

it("lets pages of any site read /health, and no other page", async () => {
  const relay = await startRelay();

  expect(await answerTo(relay, get("/health", FROM_PAGE))).toMatch(/\r\naccess-control-allow-origin: \*\r\n/);
  for (const target of ["/", "/ready", "/stats", "/nowhere"])
    expect(await answerTo(relay, get(target, FROM_PAGE))).not.toMatch(/access-control/i);
});

it("gives a broken request a whole answer", async () => {
  const relay = await startRelay();

  const answer = await answerTo(relay, "GET / HTTP/1.1\r\nno colon\r\n\r\n");

  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toMatch(/\r\nDate: /);
  expect(answer).toMatch(/\r\n\r\nBad Request\n$/);
});
