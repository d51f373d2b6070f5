import { expect, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { topicIdOf } from "../../client/sealing/topic-id.ts";
import { accessibilityFaults } from "../support/accessibility.ts";
import { BrowserPage, type View } from "../support/browser.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { openFirefox } from "../support/firefox.ts";
import { startPrefixProxy } from "../support/prefix-proxy.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itInBrowser, itInFirefox } from "../support/requires.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const it = itInBrowser();

const VIEWS = [
  { scheme: "light", width: 1280 },
  { scheme: "dark", width: 1280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const;

it("brings a stranger from the relay's address to two tabs that talk, over TLS", async () => {
  const relay = await startRelay();
  const first = await BrowserPage.open();
  await first.goTo(addressOf(relay));
  const link = await startTopic(first);
  const second = await BrowserPage.open();
  await second.goTo(link);
  await showsMembers(first, 2);
  await showsMembers(second, 2);

  await say(first, "hello");
  await say(second, "<b>and back</b>\u202E");

  await shows(second, "#log", /Guest \d{4}....: hello/);
  await shows(first, "#log", /Guest \d{4}....: <b>and back<\/b>\uFFFD/);
  expect(await textOf(first, "#certificate")).toMatch(/^signed by the relay itself, good for \d+ more days/);
  expect(await textOf(first, "#address")).toBe(`wss://localhost:${relay.port}/`);
  // Nothing but the page, its files, and the relay; and nowhere the secret.
  const { hash } = new URL(link);
  expect(hash).toMatch(/^#[\w-]{43}$/);
  expect(new Set(first.requested.map((url) => new URL(url).origin))).toEqual(new Set([addressOf(relay).slice(0, -1)]));
  expect(first.requested.join() + JSON.stringify(relay.logLines())).not.toContain(hash.slice(1, 20));
  expect([...first.complaints, ...second.complaints]).toEqual([]);
  expect(await first.evaluate("document.cookie + localStorage.length + sessionStorage.length")).toBe("00");
});

it("shows names, those that change, who comes and who goes", async () => {
  const { pages, link } = await talkingPages();
  const [first, second] = pages;

  await second.evaluate(
    `document.querySelector("#name").value = "Bert <i>"; document.querySelector("#rename").requestSubmit()`,
  );
  await shows(first, "#members", /Bert <i>/);
  await second.leaveBy("location.reload()");
  await shows(second, "#members", /Bert <i>you/);
  await shows(first, "#members", /Bert <i>/);
  await second.evaluate("document.querySelector('#leave').click()");

  await shows(first, "#log", /Bert <i>.{4} has left/);
  expect(await second.evaluate("location.hash + document.activeElement.id")).toBe("make-button");
  expect(await textOf(second, "#state")).toBe("not connected");

  await second.evaluate(
    `document.querySelector("#invitation").value = "no secret"; document.querySelector("#enter").requestSubmit()`,
  );
  await shows(second, "#invitation-fault", /holds no secret/);
  await second.evaluate(
    `document.querySelector("#invitation").value = "${link}"; document.querySelector("#enter").requestSubmit()`,
  );
  await showsMembers(second, 2);
});

it("says that the connection is lost, and sends what was written meanwhile when the relay is back", async () => {
  const { pages, relay } = await talkingPages();
  const [first, second] = pages;

  await relay.stop();
  await shows(first, "#state", /^reconnecting$/);
  await shows(first, "#connection", /^reconnecting; the latest attempt: The relay does not answer$/);
  await say(first, "sent while it was down");
  await startRelay({ tls: "off", port: relay.port });

  await shows(second, "#log", /sent while it was down/);
  await shows(first, "#log", /The connection is lost[^]*Connected again/);
  expect(await textOf(first, "#state")).toBe("connected");
  expect(await textOf(second, "#log")).not.toMatch(/has left|lost\b.*messages/);
});

it("asks for a token where the relay wants one, and joins with it", async () => {
  const relay = await startRelay(await tokenOptions());
  const page = await BrowserPage.open();
  await page.goTo(addressOf(relay));
  await page.evaluate("document.querySelector('#make-button').click()");

  await shows(page, "#problem-title", /^This relay wants a token$/);
  expect(await page.evaluate("document.activeElement.id")).toBe("token");
  const secret = String(await page.evaluate("location.hash.slice(1)"));
  expect(await textOf(page, "#topic-id")).toBe(await topicIdOf(secret));
  await useToken(page, await token({ claims: { topics: ["another"] } }));
  await shows(page, "#problem-title", /^The token does not permit this topic$/);
  await useToken(page, await token({ claims: { topics: [await topicIdOf(secret)] } }));

  await showsMembers(page, 1);
  expect(await page.evaluate("document.querySelector('#problem').hidden")).toBe(true);
  expect(await page.evaluate("document.querySelector('#token').value")).toBe("");
});

it("says in words why it is not let in", async () => {
  const elsewhere = await startRelay({ tls: "off", allowedOrigins: ["https://app.example.com"] });
  const full = await startRelay({ tls: "off", maxConnections: 1 });
  await openClassic(full, "t", "only");
  const [refused, waiting, torn] = [await BrowserPage.open(), await BrowserPage.open(), await BrowserPage.open()];

  await refused.goTo(`${addressOf(elsewhere)}#${newSecret()}`);
  await waiting.goTo(`${addressOf(full)}#${newSecret()}`);
  await torn.goTo(`${addressOf(full)}#half-a-secret`);

  await shows(refused, "#problem-title", /^This page may not connect$/);
  expect(await textOf(refused, "#problem-detail")).toMatch(/^For whoever runs the relay: refused, 1008, request \w+$/);
  expect(await refused.evaluate("document.activeElement.id")).toBe("problem");
  await shows(waiting, "#connection", /the latest attempt: The relay is full$/);
  await shows(waiting, "#problem-title", /^The relay is full$/);
  await refused.evaluate("document.querySelector('#back').click()");
  expect(await refused.evaluate("document.querySelector('#start').hidden")).toBe(false);
  expect(await refused.evaluate("document.querySelector('#problem').hidden + location.hash")).toBe("true");
  await shows(torn, "#problem-title", /^This link is not complete$/);
  expect(await torn.evaluate("document.querySelector('#start').hidden")).toBe(false);
});

it("works below a path, behind a proxy", async () => {
  const relay = await startRelay({ tls: "off" });
  const site = await startPrefixProxy(relay, "/tools/relay");
  const [first, second] = [await BrowserPage.open(), await BrowserPage.open()];
  await first.goTo(`${site}/tools/relay/`);
  await second.goTo(await startTopic(first));
  await showsMembers(first, 2);

  await say(second, "from below");

  await shows(first, "#log", /from below/);
  expect(await textOf(first, "#address")).toBe(`${site.replace("http", "ws")}/tools/relay/`);
  expect(await textOf(first, "#certificate")).toMatch(/^none/);
  expect(first.complaints).toEqual([]);
});

it("may dial the relay that it came from, under whatever name: Chromium's rules for local networks are about other pages", async () => {
  const relay = await startRelay();
  const page = await BrowserPage.open({ flags: ["--host-resolver-rules=MAP relay.example.com 127.0.0.1"] });
  await page.goTo(`https://relay.example.com:${relay.port}/`);

  await startTopic(page);

  expect(await textOf(page, "#state")).toBe("connected");
  expect(page.complaints).toEqual([]);
});

itInFirefox()("runs in Firefox too, and meets whoever has the secret: here a client on Node", async () => {
  const relay = await startRelay({ tls: "off" });
  const secret = newSecret();
  const node = connect(relay.url);
  onTestFinished(() => node.close());
  const topic = await node.join({ secret }, { presence: "Node" });

  openFirefox(`${addressOf(relay)}#${secret}`);

  await eventually(async () => {
    const names = [...topic.peers.values()].map(({ presence }) => new TextDecoder().decode(presence));
    expect(names).toEqual([expect.stringMatching(/^Guest \d{4}$/)]);
  });
});

it("says what is missing where the browser gives a page no cryptography, and where it runs no scripts", async () => {
  const relay = await startRelay({ tls: "off" });
  const plain = await BrowserPage.open({ flags: ["--host-resolver-rules=MAP relay.test 127.0.0.1"] });
  const still = await BrowserPage.open({ hasScript: false });

  await plain.goTo(`http://relay.test:${relay.port}/`);
  await still.goTo(addressOf(relay));

  await shows(plain, "#problem-title", /has no cryptography/);
  expect(await plain.evaluate("document.querySelector('#make-button').disabled")).toBe(true);
  expect(await still.evaluate("document.querySelector('noscript').checkVisibility()")).toBe(true);
  expect(await still.evaluate("document.querySelector('#start').checkVisibility()")).toBe(false);
  expect(await still.evaluate("document.querySelector('#loading').checkVisibility()")).toBe(false);
});

it("can be used with the keyboard alone", async () => {
  const relay = await startRelay({ tls: "off" });
  const page = await BrowserPage.open();
  await page.goTo(addressOf(relay));
  await eventually(async () => expect(await page.evaluate("document.querySelector('#start').hidden")).toBe(false));

  await page.press("Tab");
  await page.press("Enter");
  await showsMembers(page, 1);
  await page.type("typed, and sent by Enter");
  await page.press("Enter");
  await shows(page, "#log", /you: typed, and sent by Enter/);

  const reached: unknown[] = [];
  for (let turn = 0; turn < 13; turn += 1) {
    await page.press("Tab");
    reached.push(await page.evaluate("document.activeElement.id"));
  }
  expect(reached).toEqual(expect.arrayContaining(["link", "copy", "second", "log", "text", "name", "leave"]));
});

it.each(VIEWS)("gives axe nothing to find and cuts nothing off at $scheme, $width wide", async (view: View) => {
  const { pages, relay } = await talkingPages({ ...view, height: 844 });
  const [page] = pages;
  const start = await BrowserPage.open({ ...view, height: 844 });
  await start.goTo(addressOf(relay));
  await eventually(async () => expect(await start.evaluate("document.querySelector('#start').hidden")).toBe(false));
  const closed = await startRelay({ ...(await tokenOptions()), tls: "off" });
  const problem = await BrowserPage.open({ ...view, height: 844 });
  await problem.goTo(`${addressOf(closed)}#${newSecret()}`);
  await shows(problem, "#problem-title", /token/);
  await say(page, `a word that is long: ${"x".repeat(300)}`);
  await relay.stop();
  await shows(page, "#state", /^reconnecting$/);

  for (const shown of [start, page, problem]) {
    expect(await accessibilityFaults(shown)).toEqual([]);
    expect(await overflowOf(shown)).toBe(0);
  }
});

/** Two pages in one topic of a relay without TLS. */
async function talkingPages(
  view: View = {},
): Promise<{ readonly relay: TestRelay; readonly pages: readonly [BrowserPage, BrowserPage]; readonly link: string }> {
  const relay = await startRelay({ tls: "off" });
  const pages = [await BrowserPage.open(view), await BrowserPage.open(view)] as const;
  const link = `${addressOf(relay)}#${newSecret()}`;
  for (const page of pages) await page.goTo(link);
  for (const page of pages) await showsMembers(page, 2);
  return { relay, pages, link };
}

function addressOf({ url }: TestRelay): string {
  return `${url.replace("ws", "http")}/`;
}

/** @returns its link. */
async function startTopic(page: BrowserPage): Promise<string> {
  await eventually(async () => expect(await page.evaluate("document.querySelector('#start').hidden")).toBe(false));
  await page.evaluate("document.querySelector('#make-button').click()");
  await showsMembers(page, 1);
  return String(await page.evaluate("document.querySelector('#second').href"));
}

function textOf(page: BrowserPage, selector: string): Promise<unknown> {
  return page.evaluate(`document.querySelector("${selector}").textContent`);
}

async function shows(page: BrowserPage, selector: string, text: RegExp): Promise<void> {
  await eventually(async () => expect(await textOf(page, selector)).toMatch(text));
}

async function showsMembers(page: BrowserPage, count: number): Promise<void> {
  await eventually(async () => {
    expect(await page.evaluate("document.querySelectorAll('#members li').length")).toBe(count);
  });
}

async function say(page: BrowserPage, text: string): Promise<void> {
  await page.evaluate(`document.querySelector("#text").value = ${JSON.stringify(text)};
    document.querySelector("#say").requestSubmit()`);
}

async function useToken(page: BrowserPage, value: string): Promise<void> {
  await page.evaluate(`document.querySelector("#token").value = "${value}";
    document.querySelector("#token-form").requestSubmit()`);
}

function overflowOf(page: BrowserPage): Promise<unknown> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
