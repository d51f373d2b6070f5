import { expect } from "vitest";
import { BrowserPage, CHROMIUM } from "../support/browser.ts";
import { clientScript } from "../support/client-script.ts";
import { startRelay } from "../support/relay.ts";
import { itWithCommands } from "../support/requires.ts";
import { BUMPING_COMMANDS, Squid, startBumpingSquid } from "../support/squid.ts";

const inSquid = itWithCommands("squid", CHROMIUM);
const inBumpingSquid = itWithCommands(...BUMPING_COMMANDS, CHROMIUM);

/** Opens a page of the relay's in a browser that asks this proxy for everything, the addresses of its own machine too. */
async function openBehind(proxyPort: number, relayPort: number): Promise<BrowserPage> {
  const proxy = `--proxy-server=http://127.0.0.1:${proxyPort}`;
  const page = await BrowserPage.open({ flags: [proxy, "--proxy-bypass-list=<-loopback>"] });
  await page.goTo(`https://localhost:${relayPort}/health`);
  await page.evaluate(`${await clientScript()}; globalThis.postern = postern; 0`);
  return page;
}

/** Joins a topic in the page, and tells by what it has got through, and after how long. */
function joinIn(page: BrowserPage, relayPort: number): Promise<unknown> {
  return page.evaluate(`(async () => {
    const began = performance.now();
    globalThis.relay = postern.connect("wss://localhost:${relayPort}");
    await relay.join("t", { public: true });
    return { transport: relay.info.transport, tookMs: performance.now() - began };
  })()`);
}

inSquid("gets a page in Chromium through Squid by CONNECT, with a WebSocket", async () => {
  const [relay, denied] = [await startRelay(), await startRelay()];
  const rules = [`acl relay port ${relay.port}`, "http_access allow CONNECT relay", "http_access deny all"];
  const { port } = await Squid.start(rules);
  const page = await openBehind(port, relay.port);

  const joined = await joinIn(page, relay.port);
  const other = await page.evaluate(
    `fetch("https://localhost:${denied.port}/health", { mode: "no-cors" }).then(() => "reached", () => "denied")`,
  );

  expect(joined).toMatchObject({ transport: "websocket" });
  // It did ask the proxy.
  expect(other).toBe("denied");
});

inBumpingSquid(
  "gets a page in Chromium through a Squid that intercepts TLS and takes upgrades out, by polls",
  async () => {
    const relay = await startRelay();
    const page = await openBehind((await startBumpingSquid()).port, relay.port);

    const joined = (await joinIn(page, relay.port)) as { readonly tookMs: number };

    expect(joined).toMatchObject({ transport: "polling" });
    expect(joined.tookMs).toBeLessThan(10_000);
  },
);
