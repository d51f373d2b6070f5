import { once } from "node:events";
import { expect } from "vitest";
import { WebSocket } from "ws";
import type { Config } from "../../relay/config/options.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { accessibilityFaults } from "../support/accessibility.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { BrowserPage, type View } from "../support/browser.ts";
import { type Client, openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startPrefixProxy } from "../support/prefix-proxy.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";

const it = itInBrowser();

/** What a name must not do to the page that shows its hash. */
const HOSTILE_TOPIC = "</td><script>document.title='owned'</script>\n\u001b[31m";

it("shows who signs in the figures, draws the charts, and asks nobody but the relay", async () => {
  const { relay, clock, client } = await busyRelay();
  const page = await BrowserPage.open();
  await page.goTo(urlOf(relay, "/status"));
  const before = await page.evaluate("document.body.innerText");

  await signIn(page);

  await eventually(async () => {
    expect(await page.evaluate("document.querySelectorAll('figure:not([hidden]) path.line').length")).toBe(5);
  });
  const figures = await readPage(page);
  expect(before).not.toContain("Connections");
  expect(figures).toMatchObject({
    state: "running",
    connections: "2 of 10,000",
    topics: "1",
    certificate: "364 d 23 h",
  });
  expect(await page.evaluate("document.querySelector('#topics td').textContent")).toMatch(/^[0-9a-f]{12}$/);
  expect(await page.evaluate("document.title")).toBe("Status · Postern relay");
  expect(new Set(page.requested.map((url) => new URL(url).origin))).toEqual(new Set([urlOf(relay, "")]));
  expect(page.requested.join()).not.toContain(ADMIN_TOKEN);
  expect(await page.evaluate("document.cookie")).toBe("");
  expect(await page.evaluate("localStorage.length")).toBe(0);
  expect(refusedByPolicy(page)).toEqual([]);

  await page.evaluate(`(() => {
      const chart = document.querySelector("[data-chart=connections] svg");
      const { left, width } = chart.getBoundingClientRect();
      chart.dispatchEvent(new PointerEvent("pointermove", { clientX: left + width / 2 }));
    })()`);
  expect(await page.evaluate("document.querySelectorAll('[data-chart=connections] .now').length")).toBe(1);
  expect(await page.evaluate("document.querySelector('[data-chart=connections] b').textContent")).toBe("2");

  client.send({ type: "data", data: "aGVsbG8=" });
  await client.settled();
  clock.advance(10_000);
  await eventually(async () => {
    expect(await readPage(page)).toMatchObject({ received: "0.1/s", sent: "0.1/s" });
  });
});

it("shows the same numbers without JavaScript, and drains from there", async () => {
  const drained: string[] = [];
  const { relay } = await busyRelay(() => drained.push("drain"));
  const page = await BrowserPage.open({ hasScript: false });
  await page.goTo(urlOf(relay, "/status"));
  await signIn(page);

  const figures = await readPage(page);
  const charts = await page.evaluate("document.querySelectorAll('figure:not([hidden])').length");
  // The browser itself keeps a form back whose box is not ticked.
  await page.evaluate("document.querySelector('summary').click(); document.querySelector('.drain button').click()");
  const withoutTick = [...drained];
  await page.leaveBy(
    "document.querySelector('[name=confirm]').click(); document.querySelector('.drain button').click()",
  );

  expect(figures).toMatchObject({ state: "running", connections: "2 of 10,000", members: "2", topics: "1" });
  expect(charts).toBe(0);
  expect(withoutTick).toEqual([]);
  await eventually(async () => expect(drained).toEqual(["drain"]));
  expect(await page.evaluate("document.querySelector('.notice').textContent")).toMatch(
    /drains: .* tells 2 connections/,
  );
});

it.each([
  { scheme: "light", width: 1280 },
  { scheme: "dark", width: 1280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const)(
  "can be read at $scheme, $width wide: nothing is cut off, and text stands out from what is behind it",
  async (view: View) => {
    const { relay } = await busyRelay();
    const page = await BrowserPage.open({ ...view, height: 844 });
    await page.goTo(urlOf(relay, "/status"));
    const signInContrast = await page.evaluate(LOWEST_CONTRAST);
    const signInFaults = await accessibilityFaults(page);
    await signIn(page);
    await eventually(async () => {
      expect(await page.evaluate("document.querySelectorAll('figure:not([hidden])').length")).toBe(3);
    });

    const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    const contrast = await page.evaluate(LOWEST_CONTRAST);
    const image = await page.screenshot();

    expect(overflow).toBe(0);
    // WCAG 2.2, success criterion 1.4.3.
    expect(signInContrast).toBeGreaterThanOrEqual(4.5);
    expect(contrast).toBeGreaterThanOrEqual(4.5);
    expect(signInFaults).toEqual([]);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(image.length).toBeGreaterThan(20_000);
  },
);

it("needs no token on a port of its own, and says when the relay answers no more", async () => {
  const adminPort = await freePort();
  const relay = await startRelay({ adminPort });
  const page = await BrowserPage.open();

  await page.goTo(`http://127.0.0.1:${adminPort}/status`);
  await eventually(async () => {
    expect(page.requested.some((url) => url.endsWith("/status/figures"))).toBe(true);
  });
  const isStale = () => page.evaluate("!document.querySelector('#stale').hidden");
  const before = await isStale();
  await relay.stop();

  await eventually(async () => {
    expect(await isStale()).toBe(true);
  });
  expect(before).toBe(false);
  expect(await page.evaluate("document.querySelector('#state').textContent")).toBe("does not answer");
  expect(await page.evaluate("document.querySelector('#stale').textContent")).toMatch(/since \d\d:\d\d:\d\d UTC/);
  expect(await page.evaluate("document.querySelector('#drain').hidden")).toBe(true);
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(await page.evaluate("document.querySelector('[action=\"/status/sign-out\"]')")).toBeNull();
});

it("tells in a page that needs nothing else of a drain, follows it to its end, and says when a relay runs again", async () => {
  const { relay } = await busyRelay(() => void relay.stop());
  // Reading nothing, it does not answer the close: the drain waits for it.
  const stuck = await openClassic(relay, "t", "stuck");
  stuck.socket.pause();
  const watching = await BrowserPage.open();
  await watching.goTo(urlOf(relay, "/status"));
  await signIn(watching);
  await watching.evaluate("window.isTheSamePage = true");
  const page = await BrowserPage.open({ width: 390 });
  await page.goTo(urlOf(relay, "/status"));
  await signIn(page);
  const before = page.requested.length;

  await page.leaveBy(
    "document.querySelector('[name=confirm]').click(); document.querySelector('.drain button').click()",
  );

  await shows(page, "#now", /^Connections that are left: 1\.$/);
  await shows(watching, "#state", /^draining$/);
  expect(await watching.evaluate("document.querySelector('#drain').hidden")).toBe(true);
  stuck.socket.terminate();
  await shows(page, "#state", /^stopped$/);
  await shows(page, "#now", /answered nothing since \d\d:\d\d:\d\d UTC/);
  const paths = page.requested.slice(before).map((url) => url.replace(/^https:..[^/]+/, ""));
  expect(new Set(paths)).toEqual(new Set(["/status/drain", "/status/figures"]));
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth")).toBe("384px");
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(refusedByPolicy(page)).toEqual([]);
  // Another page that was open sees it too, without being wrecked by asking for itself again.
  await shows(watching, "#state", /^stopped$/);
  expect(await watching.evaluate("window.isTheSamePage")).toBe(true);
  expect(await accessibilityFaults(watching)).toEqual([]);

  await startRelay({ adminToken: ADMIN_TOKEN, port: relay.port });

  await shows(page, "#state", /^running$/);
  await shows(watching, "#state", /^running$/);
});

it("shows by colour and in words what is full, and folds refusals of one reason", async () => {
  const { relay } = await busyRelay(undefined, { maxConnections: 2 });
  for (let attempt = 0; attempt < 3; attempt += 1) await refusedBy(relay);
  const page = await BrowserPage.open();
  await page.goTo(urlOf(relay, "/status"));

  await signIn(page);

  expect(await readPage(page)).toMatchObject({ connections: "2 of 2", connectionCount: "2" });
  const tile = "document.querySelector('[data-level-of=connections]')";
  expect(await page.evaluate(`${tile}.dataset.level`)).toBe("bad");
  expect(await page.evaluate(`${tile}.querySelector('.level').textContent`)).toBe("act now");
  expect(await page.evaluate("document.querySelectorAll('#refusals tbody tr').length")).toBe(1);
  const cells = await page.evaluate(
    "Array.from(document.querySelectorAll('#refusals td'), (cell) => cell.textContent)",
  );
  expect(cells).toEqual([
    expect.stringMatching(/^[\d:]{8} – [\d:]{8}$/),
    "max-connections",
    "503",
    "3",
    expect.stringMatching(/^\w+$/),
  ]);
  expect(await accessibilityFaults(page)).toEqual([]);
});

it("shows by hash the topics that wait for slow readers, and what is held for them", async () => {
  const { relay, client } = await busyRelay(undefined, { outboxHighWaterBytes: 4096 });
  const slow = await openClassic(relay, HOSTILE_TOPIC, "slow");
  slow.socket.pause();
  const data = Buffer.alloc(1_000_000).toString("base64");
  for (let sent = 0; sent < 20; sent += 1) client.send({ type: "data", data });
  await eventually(async () => expect((await askAsAdmin(relay, "/stats")).body).toMatch(/"held_messages":[1-9]/));
  const page = await BrowserPage.open();
  await page.goTo(urlOf(relay, "/status"));

  await signIn(page);

  const cells = await page.evaluate(
    "Array.from(document.querySelectorAll('#congested td'), (cell) => cell.textContent)",
  );
  const [hash] = cells as string[];
  expect(cells).toEqual([expect.stringMatching(/^[0-9a-f]{12}$/), "1", "1", expect.stringMatching(/MiB$/)]);
  expect(await page.evaluate("document.querySelector('#topics td').textContent")).toBe(hash);
  expect(await page.evaluate("document.querySelector('[data-figure=pauses]').textContent")).toBe("1");
  expect(await accessibilityFaults(page)).toEqual([]);
});

it("works below a path, behind a proxy that ends TLS: with its style, its script and its forms", async () => {
  const relay = await startRelay({ tls: "off", adminToken: ADMIN_TOKEN, trustedProxies: ["127.0.0.1"] });
  const site = await startPrefixProxy(relay, "/tools/relay");
  const page = await BrowserPage.open();
  await page.goTo(`${site}/tools/relay/status`);
  const isStyled = () => page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth !== 'none'");

  await page.leaveBy(
    `document.querySelector("#token").value = "${"x".repeat(20)}"; document.querySelector("form button").click()`,
  );
  const refused = [await page.evaluate("location.pathname"), await isStyled(), await textOf(page, ".notice")];
  await signIn(page);

  expect(refused).toEqual(["/tools/relay/status/sign-in", true, "This is not the token."]);
  expect(await page.evaluate("location.pathname")).toBe("/tools/relay/status");
  await eventually(async () => expect(page.requested).toContain(`${site}/tools/relay/status/figures`));
  await page.evaluate("document.querySelector('[name=confirm]').required = false");
  await page.leaveBy("document.querySelector('.drain button').click()");
  await shows(page, ".notice", /Nothing was done/);
  await page.leaveBy("document.querySelector('header button').click()");
  expect(await page.evaluate("location.pathname")).toBe("/tools/relay/status");
  expect(await page.evaluate("document.querySelector('#token') !== null")).toBe(true);
  expect(refusedByPolicy(page)).toEqual([]);
});

it("draws a time axis over half an hour at round times, with room between them on any screen", async () => {
  const { relay } = await busyRelay();
  for (const width of [390, 1280]) {
    const page = await BrowserPage.open({ width });
    await page.goTo(urlOf(relay, "/status"));
    await signIn(page);
    await eventually(async () => {
      expect(await page.evaluate("document.querySelectorAll('figure:not([hidden])').length")).toBe(3);
    });

    const boxes =
      (await page.evaluate(`Array.from(document.querySelectorAll("[data-chart=connections] text"), (one) => {
        const { left, right } = one.getBoundingClientRect();
        return { text: one.textContent, left, right };
      }).filter(({ text }) => /^\\d\\d:\\d\\d$|^UTC$/.test(text)).sort((a, b) => a.left - b.left)`)) as {
        text: string;
        left: number;
        right: number;
      }[];
    expect(boxes.length).toBeGreaterThan(2);
    expect(boxes[0]?.text).toBe("UTC");
    for (const [index, { text, left }] of boxes.slice(1).entries()) {
      expect(text).toMatch(/^\d\d:[0-5][05]$/);
      expect(left).toBeGreaterThan(boxes[index]?.right ?? 0);
    }
  }
});

/** A relay with two members and five minutes of history. */
async function busyRelay(
  onDrainRequested: () => void = () => undefined,
  changes: Partial<Config> = {},
): Promise<{ readonly relay: TestRelay; readonly clock: FakeClock; readonly client: Client }> {
  const clock = new FakeClock();
  const relay = await startRelay({ adminToken: ADMIN_TOKEN, sweepIntervalMs: 600_000, ...changes }, clock, {
    onDrainRequested,
  });
  const client = await openClassic(relay, HOSTILE_TOPIC, "a");
  await openClassic(relay, HOSTILE_TOPIC, "b");
  for (let turn = 0; turn < 30; turn += 1) clock.advance(10_000);
  return { relay, clock, client };
}

function urlOf(relay: TestRelay, path: string): string {
  return `https://localhost:${relay.port}${path}`;
}

async function signIn(page: BrowserPage): Promise<void> {
  await page.leaveBy(
    `document.querySelector("#token").value = "${ADMIN_TOKEN}"; document.querySelector("form button").click()`,
  );
}

async function refusedBy({ url, certificate }: TestRelay): Promise<void> {
  await once(new WebSocket(url, { ca: certificate }), "error");
}

function textOf(page: BrowserPage, selector: string): Promise<unknown> {
  return page.evaluate(`document.querySelector("${selector}").textContent`);
}

async function shows(page: BrowserPage, selector: string, text: RegExp): Promise<void> {
  await eventually(async () => expect(await textOf(page, selector)).toMatch(text));
}

/** What the browser says of the page itself: not that a relay which has stopped does not answer. */
function refusedByPolicy(page: BrowserPage): readonly string[] {
  return page.complaints.filter((complaint) => /Refused (?!by)|Content Security|exception/.test(complaint));
}

function readPage(page: BrowserPage): Promise<unknown> {
  return page.evaluate(`({
    state: document.querySelector("#state").textContent,
    ...Object.fromEntries(Array.from(document.querySelectorAll("[data-figure]"), (one) => [one.dataset.figure, one.textContent])),
  })`);
}

/** The lowest ratio between a text and the nearest background behind it (WCAG 2.2, relative luminance). */
const LOWEST_CONTRAST = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const linear = (value) => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const behind = (element) => {
    for (let one = element; one !== null; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const ratios = Array.from(document.querySelectorAll("body *"))
    .filter((element) => element.checkVisibility() && Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.textContent.trim() !== ""))
    .map((element) => {
      const style = getComputedStyle(element);
      const text = luminance(parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color));
      const paper = luminance(behind(element));
      return (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
    });
  return Math.min(...ratios);
})()`;
