import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type CauseName, causes } from "../../client/doctor/common/causes.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { accessibilityFaults } from "../support/accessibility.ts";
import { BrowserPage, CHROMIUM, type View } from "../support/browser.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startPrefixProxy } from "../support/prefix-proxy.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itInBrowser, itWithCommands } from "../support/requires.ts";
import { BUMPING_COMMANDS, Squid, startBumpingSquid } from "../support/squid.ts";
import { token, tokenOptions } from "../support/tokens.ts";
import { WayProxy } from "../support/way-proxy.ts";

const it = itInBrowser();
const itBehindSquid = itWithCommands("squid", CHROMIUM);
const itBehindBumpingSquid = itWithCommands(...BUMPING_COMMANDS, CHROMIUM);

const VIEWS = [
  { scheme: "light", width: 1280 },
  { scheme: "dark", width: 1280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const;

/** A STUN server on the same machine is asked by no page otherwise. */
const LOOPBACK = "--allow-loopback-in-peer-connection";

it("finds nothing wrong with a relay that is reached, over TLS, and leaves nothing behind", async () => {
  const relay = await startRelay({ stunPort: await freePort() });
  const page = await openDoctor(addressOf(relay), { flags: [LOOPBACK] });

  await concludes(page, "apps get through");

  expect(await outcomesOf(page)).toEqual({
    "Name and port": "ok",
    TLS: "ok",
    Interception: "–",
    HTTP: "ok",
    Clock: "ok",
    WebSocket: "ok",
    Topic: "ok",
    Messages: "ok",
    "Round trip": "ok",
    Throughput: "ok",
    "Quiet connection": "–",
    "Long poll": "ok",
    UDP: "ok",
  });
  expect(await textOf(page, "#verdict-sentence")).toBe("Apps get through to the relay.");
  expect(complaintsOf(page)).toEqual([]);
  expect(new Set(page.requested.map((url) => new URL(url).origin))).toEqual(new Set([addressOf(relay).slice(0, -1)]));
  await expect.poll(() => relay.figures().topics).toBe(0);
  await keepPicture(page, "reached");
});

itBehindSquid("says behind a Squid that lets no WebSocket out that apps get through by the long poll", async () => {
  const { relay, page } = await doctorBehindSquid(["http_access deny CONNECT", "http_access allow all"]);

  await concludes(page, "apps get through");

  expect(await outcomesOf(page)).toMatchObject({ HTTP: "ok", WebSocket: "FAILED", Topic: "–", "Long poll": "ok" });
  expect(await textOf(page, "#verdict-sentence")).toBe(
    `Apps get through to the relay, by the long poll. ${causes["upgrade-refused"].sentence}.`,
  );
  expect(await textOf(page, "#checks")).toMatch(/the relay answers, by way of 1\.1 proxy\.test \(squid/);
  const ticket = String(await page.evaluate("document.querySelector('#ticket').value"));
  expect(ticket).toMatch(/^An app connects to ws:.*\(cause upgrade-refused\)\. Seen at .* UTC by the page http/);
  expect(ticket).toContain(`\n  to       localhost, TCP port ${relay.port}, outgoing alone\n`);
  await keepPicture(page, "upgrade-refused");
});

itBehindBumpingSquid("says the same behind a Squid that intercepts TLS and takes the upgrade out", async () => {
  const relay = await startRelay();
  const squid = await startBumpingSquid();
  const page = await openDoctor(addressOf(relay), { flags: flagsFor(squid) });

  await concludes(page, "apps get through");

  expect(await causeOn(page)).toBe("upgrade-refused");
  expect(await outcomesOf(page)).toMatchObject({ TLS: "ok", HTTP: "ok", WebSocket: "FAILED", "Long poll": "ok" });
  expect(await outcomesOf(page)).toMatchObject({ Interception: "note" });
  expect(await textOf(page, "#checks")).toMatch(/the relay answers, by way of 1\.1 proxy\.test \(squid/);
});

itBehindSquid("says that Squid shows its own page in the relay's place", async () => {
  const { squid, page } = await doctorBehindSquid(["http_access allow all"]);
  await concludes(page, "apps get through");

  squid.setRules(["http_access deny all"]);
  await looksAgainUntil(page, "page-instead");

  expect(await outcomesOf(page)).toMatchObject({ HTTP: "note", WebSocket: "FAILED", "Long poll": "–" });
  expect(await textOf(page, "#checks")).toContain("HTTP 403 of squid");
  expect(await textOf(page, "#verdict-who")).toBe("Who can: IT.");
  await keepPicture(page, "page-instead");
});

itBehindSquid("says that Squid cannot reach the relay", async () => {
  const { relay, page } = await doctorBehindSquid(["http_access allow all"]);
  await concludes(page, "apps get through");

  await relay.stop();
  await looksAgainUntil(page, "relay-down");

  expect(await outcomesOf(page)).toMatchObject({ HTTP: "FAILED", WebSocket: "–", "Long poll": "–" });
  expect(await textOf(page, "#checks")).toContain("HTTP 503 of squid");
  await keepPicture(page, "relay-down");
});

it("says that it gets no answer where the relay is gone, and that it is there again", async () => {
  const relay = await startRelay({ tls: "off" });
  const page = await openDoctor(addressOf(relay));
  await concludes(page, "apps get through");

  await relay.stop();
  await looksAgainUntil(page, "not-reached");
  expect(await textOf(page, "#verdict-settle")).toMatch(/^To be sure: Try from another network/);
  await startRelay({ tls: "off", port: relay.port });
  await page.evaluate("document.querySelector('#again').click()");

  await concludes(page, "apps get through");
});

it.each([
  ["refuse", "upgrade-refused"],
  ["strip", "upgrade-refused"],
  ["swallow", "frames-swallowed"],
] as const)(
  "says of a proxy that does this to upgrades, %s, that apps get through by the long poll",
  async (upgrades, cause) => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await WayProxy.to(relay.port, upgrades);
    const page = await openDoctor(addressOf(proxy));

    await concludes(page, "apps get through");

    expect(await textOf(page, "#verdict-cause")).toBe(`The doctor's word for it: ${cause}`);
    expect(await page.evaluate("document.querySelector('#hand-on').hidden")).toBe(false);
  },
);

it("says that a relay takes no pages of this site, and that it is full", async () => {
  const elsewhere = await startRelay({ tls: "off", allowedOrigins: ["https://app.example.com"] });
  const full = await startRelay({ tls: "off", maxConnections: 1 });
  await openClassic(full, "t", "only");
  const page = await BrowserPage.open();

  for (const [relay, cause] of [
    [elsewhere, "origin-refused"],
    [full, "relay-busy"],
  ] as const) {
    await page.goTo(`${addressOf(relay)}doctor`);
    await concludes(page, "apps do not get through");
    expect(await causeOn(page)).toBe(cause);
  }
});

it("asks for a token where the relay wants one, and looks again with it", async () => {
  const relay = await startRelay(await tokenOptions());
  const page = await openDoctor(addressOf(relay));
  await concludes(page, "apps do not get through");
  expect(await causeOn(page)).toBe("unauthorized");

  const value = await token({ claims: { topics: ["another"] } });
  await page.evaluate(`document.querySelector("#token").value = "${value}";
    document.querySelector("#token-form").requestSubmit()`);
  await concludes(page, "apps get through");

  expect(await outcomesOf(page)).toMatchObject({ WebSocket: "ok", Topic: "note", "Long poll": "ok" });
  expect(await page.evaluate("document.querySelector('#token').value")).toBe("");
  expect(await page.evaluate("document.querySelector('#ticket').value")).not.toContain(value);
});

it("works below a path, and is linked from the page to try the relay", async () => {
  const relay = await startRelay({ tls: "off" });
  const site = await startPrefixProxy(relay, "/tools/relay");
  const page = await BrowserPage.open();
  await page.goTo(`${site}/tools/relay/`);

  await page.leaveBy("document.querySelector('dl a[href=doctor]').click()");
  await concludes(page, "apps get through");

  expect(await textOf(page, "#address")).toBe(`${site.replace("http", "ws")}/tools/relay/`);
  expect(complaintsOf(page)).toEqual([]);
});

it("says what is missing where the browser runs no scripts", async () => {
  const relay = await startRelay({ tls: "off" });
  const page = await BrowserPage.open({ hasScript: false });

  await page.goTo(`${addressOf(relay)}doctor`);

  expect(await page.evaluate("document.querySelector('noscript').checkVisibility()")).toBe(true);
  expect(await page.evaluate("document.querySelector('#doctor').checkVisibility()")).toBe(false);
});

it.each(VIEWS)("gives axe nothing to find and cuts nothing off at $scheme, $width wide", async (view: View) => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, "refuse");
  const closed = await startRelay({ ...(await tokenOptions()), tls: "off" });
  const page = await BrowserPage.open({ ...view, height: 844 });

  for (const [place, state] of [
    [relay, "apps get through"],
    [proxy, "apps get through"],
    [closed, "apps do not get through"],
  ] as const) {
    await page.goTo(`${addressOf(place)}doctor`);
    await concludes(page, state);
    await keepPicture(page, `view-${view.scheme}-${view.width}-${await causeOn(page)}`);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
  }
});

function addressOf({ url }: Pick<TestRelay, "url">): string {
  return `${url.replace("ws", "http").replace(/\/$/, "")}/`;
}

async function openDoctor(address: string, view: View = {}): Promise<BrowserPage> {
  const page = await BrowserPage.open(view);
  await page.goTo(`${address}doctor`);
  return page;
}

async function doctorBehindSquid(
  rules: readonly string[],
): Promise<{ readonly relay: TestRelay; readonly squid: Squid; readonly page: BrowserPage }> {
  const relay = await startRelay({ tls: "off" });
  const squid = await Squid.start(rules);
  return { relay, squid, page: await openDoctor(addressOf(relay), { flags: flagsFor(squid) }) };
}

/** Loopback too goes by the proxy. */
function flagsFor({ url }: Squid): readonly string[] {
  return [`--proxy-server=${url}`, "--proxy-bypass-list=<-loopback>"];
}

function textOf(page: BrowserPage, selector: string): Promise<unknown> {
  return page.evaluate(`document.querySelector("${selector}").textContent`);
}

async function concludes(page: BrowserPage, state: string): Promise<void> {
  await eventually(async () => {
    expect(await textOf(page, "#state")).toBe(state);
    expect(await page.evaluate("document.querySelector('#verdict').hidden")).toBe(false);
  });
}

/** A poll that is on its way when its session ends is answered with 410, which browsers write down. */
function complaintsOf({ complaints }: BrowserPage): readonly string[] {
  return complaints.filter((text) => !text.includes("410 (Gone)"));
}

/** Squid takes a moment to read its rules, and a relay to be gone. */
async function looksAgainUntil(page: BrowserPage, cause: CauseName): Promise<void> {
  await eventually(async () => {
    await page.evaluate("document.querySelector('#again').click()");
    await eventually(async () => expect(await textOf(page, "#state")).not.toBe("looking"));
    expect(await causeOn(page)).toBe(cause);
  });
}

async function causeOn(page: BrowserPage): Promise<string> {
  return String(await textOf(page, "#verdict-cause")).replace("The doctor's word for it: ", "");
}

async function outcomesOf(page: BrowserPage): Promise<unknown> {
  return page.evaluate(`Object.fromEntries([...document.querySelectorAll("#checks li")].map(({ children }) =>
    [children[1].textContent, children[0].textContent]))`);
}

function overflowOf(page: BrowserPage): Promise<unknown> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}

/** With PICTURES, a folder, what the page looks like is kept there, to be looked at. */
async function keepPicture(page: BrowserPage, name: string): Promise<void> {
  const folder = process.env["PICTURES"];
  if (folder !== undefined) writeFileSync(join(folder, `doctor-${name}.png`), await page.screenshot());
}
