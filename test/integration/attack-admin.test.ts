import { expect, it } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN, askAsAdmin, BEARER, formTokenOf, signIn } from "../support/admin.ts";
import { type Asked, ask } from "../support/ask.ts";
import { openClassic } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { answerTo } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const PATHS = ["/metrics", "/status", "/status/figures", "/status/script.js", "/status/style.css"];
const FORMS = ["/status/sign-in", "/status/sign-out", "/status/drain"];

it("has no admin pages at all without a token and without a port of their own", async () => {
  const relay = await startRelay();

  const answers = await Promise.all([
    ...PATHS.map((path) => ask(relay, path, { headers: BEARER })),
    ...FORMS.map((path) => ask(relay, path, { method: "POST", headers: BEARER })),
  ]);

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
});

it("has none on the relay's own port where they have one of their own, even with the token", async () => {
  const adminPort = await freePort();
  const relay = await startRelay({ adminPort, adminToken: ADMIN_TOKEN });

  const there = await askAsAdmin(relay, "/metrics");
  const here = await askAsAdmin(relay, "/metrics", { plainPort: adminPort });
  const without = await ask(relay, "/metrics", { plainPort: adminPort });
  const details = await askAsAdmin(relay, "/stats");

  expect([there.status, here.status, without.status]).toEqual([404, 200, 401]);
  expect(details.body).not.toContain("details");
});

it("gives nothing to whoever has not the token: wrong, cut short, longer, empty, in another form, or in the URL", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const wrong: readonly Asked[] = [
    {},
    ...[
      "Bearer",
      "Bearer ",
      `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
      `Bearer ${ADMIN_TOKEN}x`,
      `Bearer ${ADMIN_TOKEN.toLowerCase()}`,
      `Bearer ${ADMIN_TOKEN} ${ADMIN_TOKEN}`,
      `Basic ${Buffer.from(`admin:${ADMIN_TOKEN}`).toString("base64")}`,
      ADMIN_TOKEN,
    ].map((authorization) => ({ headers: { authorization } })),
    { headers: { cookie: `__Host-postern-admin=${ADMIN_TOKEN}` } },
    { headers: { cookie: "__Host-postern-admin=9999999999." } },
    { headers: { cookie: "__Host-postern-admin=9999999999.AAAA" } },
    { headers: { "x-admin-token": ADMIN_TOKEN } },
  ];

  const answers = await Promise.all(wrong.map((asked) => ask(relay, "/metrics", asked)));
  const inUrl = await ask(relay, `/metrics?token=${ADMIN_TOKEN}&authorization=Bearer+${ADMIN_TOKEN}`);

  for (const { status, headers, body } of [...answers, inUrl]) {
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe("Bearer");
    expect(body).toBe("Unauthorized");
  }
});

it("sets at the sign-in a cookie that scripts cannot read, other sites cannot send and no other host can have set", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  const { status, headers } = await ask(relay, "/status/sign-in", { form: { token: ADMIN_TOKEN } });

  expect([status, headers["location"]]).toEqual([303, "../status"]);
  const [cookie = ""] = headers["set-cookie"] ?? [];
  expect(cookie).toMatch(
    /^__Host-postern-admin=\d+\.[\w-]{16}\.[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
  );
  expect(cookie).not.toContain(ADMIN_TOKEN);
  expect((await ask(relay, "/status", { headers: { cookie: cookie.split(";", 1)[0] ?? "" } })).status).toBe(200);
});

it("ends a sign-in after twelve hours, whatever the cookie says of itself", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ adminToken: ADMIN_TOKEN }, clock);
  const cookie = await signIn(relay);
  const [name = "", value = ""] = cookie.split("=", 2);
  const [expiry = "", id = "", signature = ""] = value.split(".");

  clock.jumpEpoch(43_199_000);
  const inTime = await ask(relay, "/status/figures", { headers: { cookie } });
  clock.jumpEpoch(1000);
  const late = await ask(relay, "/status/figures", { headers: { cookie } });
  const moved = `${name}=${Number(expiry) + 9999}.${id}.${signature}`;
  const forged = await ask(relay, "/status/figures", { headers: { cookie: moved } });

  expect([inTime.status, late.status, forged.status]).toEqual([200, 401, 401]);
});

it("ends a sign-in for good when it is signed out: a copy of its cookie is good for nothing, another sign-in stays", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const [cookie, other] = [await signIn(relay), await signIn(relay)];
  const form = formTokenOf(await ask(relay, "/status", { headers: { cookie } }));

  const forged = await ask(relay, "/status/sign-out", { form: { form: `${form}x` }, headers: { cookie } });
  const before = await ask(relay, "/status/figures", { headers: { cookie } });
  const out = await ask(relay, "/status/sign-out", { form: { form }, headers: { cookie } });
  const copy = await ask(relay, "/status/figures", { headers: { cookie } });
  const drain = await ask(relay, "/status/drain", { form: { form, confirm: "yes" }, headers: { cookie } });
  const stays = await ask(relay, "/status/figures", { headers: { cookie: other } });

  expect([forged.status, before.status, out.status, copy.status, drain.status, stays.status]).toEqual([
    403, 200, 303, 401, 401, 200,
  ]);
  expect(out.headers["set-cookie"]).toEqual([expect.stringMatching(/^__Host-postern-admin=; Max-Age=0; /)]);
});

it("binds the cookie to TLS where a proxy that is believed says that the browser speaks it", async () => {
  const trusted = await startRelay({ tls: "off", adminToken: ADMIN_TOKEN, trustedProxies: ["127.0.0.1"] });
  const strange = await startRelay({ tls: "off", adminToken: ADMIN_TOKEN });
  const cookieOf = async ({ port }: TestRelay, headers: Record<string, string>): Promise<string> => {
    const form = { token: ADMIN_TOKEN };
    const answer = await ask(trusted, "/status/sign-in", { form, headers, plainPort: port });
    return String(answer.headers["set-cookie"]);
  };
  const https = { "x-forwarded-proto": "https" };

  const bound = await cookieOf(trusted, https);
  const open = [await cookieOf(trusted, {}), await cookieOf(strange, https)];

  expect(bound).toMatch(/^__Host-postern-admin=.*; Secure$/);
  for (const cookie of open)
    expect(cookie).toMatch(/^postern-admin=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  const [cookie = ""] = bound.split(";", 1);
  const figures = (headers: Record<string, string>) =>
    ask(trusted, "/status/figures", { headers: { cookie, ...headers }, plainPort: trusted.port });
  expect([(await figures(https)).status, (await figures({})).status]).toEqual([200, 401]);
});

it("drains only for a form that came from its own page, with the box ticked", async () => {
  const scene = await drainScene();
  const { relay, cookie, form } = scene;
  const post = async (fields: Record<string, string>, headers: Record<string, string> = { cookie }) =>
    (await ask(relay, "/status/drain", { form: fields, headers })).status;

  const statuses = [
    await post({ confirm: "yes", form }, {}),
    await post({ confirm: "yes" }),
    await post({ confirm: "yes", form: `${form}x` }),
    await post({ confirm: "yes", form: "" }),
    // Another site that has somehow got hold of everything but the browser.
    await post({ confirm: "yes", form }, { cookie, "sec-fetch-site": "cross-site" }),
    await post({ confirm: "yes", form }, { cookie, "sec-fetch-site": "same-site" }),
    await post({ form }),
    await post({ form, confirm: "no" }),
  ];

  expect(statuses).toEqual([401, 403, 403, 403, 403, 403, 400, 400]);
  expect(scene.drainCount()).toBe(0);
  expect(await post({ confirm: "yes", form })).toBe(202);
  expect(scene.drainCount()).toBe(1);
});

it("drains no twice: a page that was open before cannot cut the drain short", async () => {
  const { relay, cookie, form, drainCount } = await drainScene({ drainTimeoutMs: 30_000 });
  const stuck = await openClassic(relay, "t", "stuck");
  stuck.socket.pause();
  const stopped = relay.stop();

  const { status, body } = await ask(relay, "/status/drain", { form: { confirm: "yes", form }, headers: { cookie } });

  expect(status).toBe(202);
  expect(body).toContain("draining");
  expect(drainCount()).toBe(0);
  stuck.socket.resume();
  await stopped;
});

it("takes no sign-in from another site's form", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  const { status, headers } = await ask(relay, "/status/sign-in", {
    form: { token: ADMIN_TOKEN },
    headers: { "sec-fetch-site": "cross-site" },
  });

  expect(status).toBe(403);
  expect(headers["set-cookie"]).toBeUndefined();
});

it("answers wrong tokens of an address with 429 after ten of them, until a minute is over, and a right one all the same", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ adminToken: ADMIN_TOKEN }, clock);
  const guess = () => ask(relay, "/metrics", { headers: { authorization: "Bearer guess-guess-guess" } });

  const statuses = [];
  for (let attempt = 0; attempt < 10; attempt += 1) statuses.push((await guess()).status);
  const eleventh = await guess();
  const right = await askAsAdmin(relay, "/metrics");
  const form = await ask(relay, "/status/sign-in", { form: { token: ADMIN_TOKEN } });
  clock.advance(59_999);
  const early = await guess();
  clock.advance(1);
  const later = await guess();
  const { body } = await askAsAdmin(relay, "/metrics");

  expect(new Set(statuses)).toEqual(new Set([401]));
  expect([eleventh.status, right.status, form.status, early.status, later.status]).toEqual([429, 200, 303, 429, 401]);
  expect(eleventh.headers["retry-after"]).toBe("60");
  expect(body).toContain('relay_admin_refusals_total{reason="bad-token"} 11\n');
});

it("counts guesses on the port of the admin pages for each address by itself", async () => {
  const adminPort = await freePort();
  const relay = await startRelay({ adminPort, adminToken: ADMIN_TOKEN });
  const guess = () =>
    ask(relay, "/metrics", {
      plainPort: adminPort,
      localAddress: "127.0.0.2",
      headers: { authorization: "Bearer guess-guess-guess" },
    });

  for (let attempt = 0; attempt < 10; attempt += 1) await guess();

  expect((await guess()).status).toBe(429);
  expect((await askAsAdmin(relay, "/metrics", { plainPort: adminPort })).status).toBe(200);
});

it("leaves a sign-in alone while somebody guesses from the same address", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const cookie = await signIn(relay);

  for (let attempt = 0; attempt < 12; attempt += 1) {
    await ask(relay, "/metrics", { headers: { authorization: "Bearer guess-guess-guess" } });
  }

  expect((await ask(relay, "/status", { headers: { cookie } })).status).toBe(200);
});

it("shows a port without a token to who names it by address, and not to a page whose name was made to mean it", async () => {
  const adminPort = await freePort();
  const relay = await startRelay({ adminPort });
  const statusFor = async (host: string, path = "/metrics") =>
    (await ask(relay, path, { plainPort: adminPort, headers: { host } })).status;

  const own = await Promise.all(
    ["127.0.0.1", `127.0.0.1:${adminPort}`, "localhost:1", "[::1]:9"].map((host) => statusFor(host)),
  );
  const foreign = await Promise.all(
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::1", "0x7f000001"].map((host) =>
      statusFor(host),
    ),
  );

  expect(own).toEqual([200, 200, 200, 200]);
  expect(foreign).toEqual([421, 421, 421, 421, 421]);
  expect(await statusFor("evil.example", "/status")).toBe(421);
  expect(await statusFor("evil.example", "/status/figures")).toBe(421);
});

it("refuses a body that is no short form before it reads a byte of it", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const type = "Content-Type: application/x-www-form-urlencoded";

  const answers = await Promise.all([
    answerTo(relay, head([type, "Content-Length: 4097"])),
    answerTo(relay, head([type, "Content-Length: 1099511627776"])),
    answerTo(relay, `${head([type, "Transfer-Encoding: chunked"])}5\r\nhello\r\n0\r\n\r\n`),
    answerTo(relay, `${head(["Content-Type: application/json", "Content-Length: 2"])}{}`),
    answerTo(relay, head([type, "Connection: close"])),
    answerTo(relay, `${head([type, "Connection: close", "Content-Length: 4096"])}${"x".repeat(4096)}`),
  ]);

  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(["413", "413", "413", "415", "411", "401"]);
});

it("answers every method but the one it has on each of its paths with 405", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  const pages = await Promise.all(PATHS.map((path) => askAsAdmin(relay, path, { method: "PUT" })));
  const forms = await Promise.all(FORMS.map((path) => askAsAdmin(relay, path)));

  for (const { status, headers } of pages) expect([status, headers["allow"]]).toEqual([405, "GET, HEAD"]);
  for (const { status, headers } of forms) expect([status, headers["allow"]]).toEqual([405, "POST"]);
});

it("puts nothing of a request into its pages, and lets no browser store or frame them", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const evil = '"><script>alert(1)</script>';

  const pages = [
    await ask(relay, `/status?${encodeURIComponent(evil)}`),
    await ask(relay, "/status/sign-in", { form: { token: evil } }),
    await askAsAdmin(relay, "/status/drain", { form: { confirm: evil, form: evil } }),
  ];

  for (const { headers, body } of pages) {
    expect(body).not.toContain("alert(");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["content-security-policy"]).toMatch(
      /default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/,
    );
    expect(headers["content-security-policy"]).not.toContain("unsafe");
  }
});

/** The head of a sign-in. */
function head(lines: readonly string[]): string {
  return `POST /status/sign-in HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n`;
}

type DrainScene = {
  readonly relay: TestRelay;
  readonly cookie: string;
  readonly form: string;
  readonly drainCount: () => number;
};

/** A relay with somebody signed in. */
async function drainScene(options: { readonly drainTimeoutMs?: number } = {}): Promise<DrainScene> {
  let count = 0;
  const onDrainRequested = () => {
    count += 1;
  };
  const relay = await startRelay({ adminToken: ADMIN_TOKEN, ...options }, undefined, { onDrainRequested });
  const cookie = await signIn(relay);
  const form = formTokenOf(await ask(relay, "/status", { headers: { cookie } }));
  return { relay, cookie, form, drainCount: () => count };
}
