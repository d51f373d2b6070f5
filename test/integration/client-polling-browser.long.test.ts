import { expect } from "vitest";
import { connect } from "../../client/node.ts";
import { BrowserPage } from "../support/browser.ts";
import { clientScript } from "../support/client-script.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";
import { WayProxy } from "../support/way-proxy.ts";

const it = itInBrowser();

it.each([
  ["takes the upgrade out", "strip"],
  ["accepts the upgrade and swallows the rest", "swallow"],
] as const)(
  "gets a page of another origin in Chromium through a proxy that %s, and remembers it",
  async (_name, upgrades) => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await WayProxy.to(relay.port, upgrades);
    const outside = connect(`ws://127.0.0.1:${relay.port}`);
    const topic = await outside.join("t", { public: true });
    const page = await BrowserPage.open();
    await page.goTo(`http://localhost:${relay.port}/health`);
    await page.evaluate(`${await clientScript()}; globalThis.postern = postern; 0`);

    const asked = page.evaluate(`(async () => {
    const began = performance.now();
    globalThis.relay = postern.connect("ws://localhost:${proxy.port}");
    globalThis.topic = await relay.join("t", { public: true });
    const tookMs = performance.now() - began;
    await topic.broadcast("from the page");
    const { value } = await topic.messages().next();
    return { tookMs, transport: relay.info.transport, text: value.text };
  })()`);
    const { value } = await topic.messages().next();
    await topic.broadcast("from outside");
    const told = (await asked) as { readonly tookMs: number };
    const again = await page.evaluate(`(async () => {
    await relay.close();
    globalThis.relay = postern.connect("ws://localhost:${proxy.port}");
    await relay.join("t", { public: true });
    return [relay.info.transport, localStorage.length];
  })()`);
    await outside.close();

    expect((value as { readonly text: string }).text).toBe("from the page");
    expect(told).toMatchObject({ transport: "polling", text: "from outside" });
    expect(told.tookMs).toBeLessThan(3500);
    expect(again).toEqual(["polling", 1]);
    // The second time nothing but polls.
    expect(proxy.counts.upgrades).toBe(1);
  },
);
