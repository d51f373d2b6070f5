import { expect } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN } from "../support/admin.ts";
import { BrowserPage, type View } from "../support/browser.ts";
import { type Client, openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
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
  expect(figures).toMatchObject({ state: "running", connections: "2", topics: "1", certificate: "364 d 23 h" });
  expect(await page.evaluate("document.querySelector('#topics td').textContent")).toMatch(/^[0-9a-f]{12}$/);
  expect(await page.evaluate("document.title")).toBe("Status · Postern relay");
  expect(new Set(page.requested.map((url) => new URL(url).origin))).toEqual(new Set([urlOf(relay, "")]));
  expect(page.requested.join()).not.toContain(ADMIN_TOKEN);
  expect(await page.evaluate("document.cookie")).toBe("");
  expect(await page.evaluate("localStorage.length")).toBe(0);
  expect(page.complaints.filter((complaint) => /Refused|Content Security|exception/i.test(complaint))).toEqual([]);

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

  expect(figures).toMatchObject({ state: "running", connections: "2", members: "2", topics: "1" });
  expect(charts).toBe(0);
  expect(withoutTick).toEqual([]);
  expect(drained).toEqual(["drain"]);
  expect(await page.evaluate("document.querySelector('.notice').textContent")).toContain("drains");
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
  expect(await page.evaluate("document.querySelector('[action=\"/status/sign-out\"]')")).toBeNull();
});

/** A relay with two members and five minutes of history. */
async function busyRelay(
  onDrainRequested: () => void = () => undefined,
): Promise<{ readonly relay: TestRelay; readonly clock: FakeClock; readonly client: Client }> {
  const clock = new FakeClock();
  const relay = await startRelay({ adminToken: ADMIN_TOKEN, sweepIntervalMs: 600_000 }, clock, { onDrainRequested });
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
