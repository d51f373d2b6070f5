import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { rolldown } from "rolldown";
import { expect, onTestFinished } from "vitest";
import { BrowserPage } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";

const NOTHING = /(?!)/;
const PAGE = '<!doctype html><link rel="icon" href="data:," /><script type="module" src="app.js"></script>';

/** A page with the client in several files, as a bundler makes them, and a server that may refuse one of them. */
class Site {
  readonly requested: string[] = [];
  /** These are answered with 503. */
  refused = NOTHING;
  #port = 0;

  static async open(): Promise<Site> {
    const site = new Site();
    const files = await bundledPage();
    const server = createServer(({ url = "/" }, response) => {
      const name = url.slice(1);
      site.requested.push(name.replace(/-.*/, ""));
      if (site.refused.test(name)) response.writeHead(503).end();
      else if (name === "") response.setHeader("Content-Type", "text/html").end(PAGE);
      else response.setHeader("Content-Type", "text/javascript").end(files.get(name) ?? "");
    });
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", done);
    });
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    site.#port = (server.address() as AddressInfo).port;
    return site;
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }
}

async function bundledPage(): Promise<Map<string, string>> {
  const app = `import { connect } from ${JSON.stringify(resolve("client/index.ts"))}; globalThis.connect = connect;`;
  const build = await rolldown({
    input: "app",
    platform: "browser",
    logLevel: "silent",
    preserveEntrySignatures: "allow-extension",
    plugins: [
      { name: "app", resolveId: (id) => (id === "app" ? id : null), load: (id) => (id === "app" ? app : null) },
    ],
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file.code]] : [])));
}

/** Opens the page, and waits until its first file has run. */
async function open(page: BrowserPage, { url }: Site): Promise<void> {
  await page.goTo(url);
  await eventually(async () => expect(await page.evaluate("typeof connect")).toBe("function"));
}

/** Joins a topic in the page. What it waits for is told in JSON: the name of the topic, or the code of the error. */
function joined(url: string, options: string): string {
  return `(async () => {
    globalThis.codes = [];
    globalThis.relay ??= connect("${url}", { reconnect: { minDelayMs: 50, maxDelayMs: 200 } });
    relay.on("error", ({ code }) => codes.push(code));
    try { return (await relay.join("t", { public: true, ${options} })).name; } catch (error) { return error.code; }
  })()`;
}

const it = itInBrowser();

it("loads three files in Chromium: the first with the page, topics with the join, and polls once it is connected", async () => {
  const relay = await startRelay({ tls: "off" });
  const [site, page] = [await Site.open(), await BrowserPage.open()];
  await open(page, site);
  const atFirst = [...site.requested];

  expect(await page.evaluate(joined(relay.url, ""))).toBe("t");
  expect(atFirst).toEqual(["", "app.js"]);
  await eventually(() => expect(site.requested.slice(2).toSorted()).toEqual(["page", "topics"]));
  expect(page.complaints).toEqual([]);
});

it("tells Chromium's page that topics cannot be loaded, and joins when they can be again", async () => {
  const relay = await startRelay({ tls: "off" });
  const [site, page] = [await Site.open(), await BrowserPage.open()];
  site.refused = /^topics/;
  await open(page, site);
  await page.evaluate(`globalThis.joining = ${joined(relay.url, "timeoutMs: 15_000")}; 0`);
  await eventually(async () => expect(await page.evaluate("codes")).toContain("load-failed"));

  site.refused = NOTHING;
  const outcome = await page.evaluate("joining");

  // A browser of before asks the server no second time, until the page is loaded anew.
  if (outcome !== "t") {
    expect([outcome, site.requested.filter((name) => name === "topics")]).toEqual(["load-failed", ["topics"]]);
    await open(page, site);
    expect(await page.evaluate(joined(relay.url, ""))).toBe("t");
  }
});
