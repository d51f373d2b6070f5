import { expect } from "vitest";
import { BrowserPage } from "../support/browser.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";
import { nowSeconds, token, tokenOptions } from "../support/tokens.ts";

const it = itInBrowser();

/** What a page sees of a connection, from the first event to its close. */
async function seenInBrowser(relay: TestRelay, subprotocols: readonly string[]): Promise<unknown> {
  const page = await BrowserPage.open();
  await page.goTo(`${relay.url.replace("wss", "https")}/health`);
  const [url, offered] = [relay.url, subprotocols].map((value) => JSON.stringify(value));
  return page.evaluate(`new Promise((resolve) => {
    const texts = [];
    const socket = new WebSocket(${url}, ${offered});
    socket.onmessage = ({ data }) => texts.push(JSON.parse(data));
    socket.onclose = ({ code, reason, wasClean }) => resolve({ texts, code, reason, wasClean });
  })`);
}

it("shows a page in Chromium why its token is refused", async () => {
  const relay = await startRelay(await tokenOptions());
  const expired = await token({ claims: { exp: nowSeconds() - 3600 } });

  const seen = await seenInBrowser(relay, ["postern.v1", `postern.token.${expired}`]);

  expect(seen).toMatchObject({ code: 4003, reason: "expired", wasClean: true });
  expect(seen).toMatchObject({ texts: [{ type: "error", code: "unauthorized", reason: "expired" }] });
});

it("shows a page in Chromium that the relay is full, and when to come back", async () => {
  const relay = await startRelay({ maxRssBytes: 1 });

  const seen = await seenInBrowser(relay, ["postern.v1"]);

  expect(seen).toMatchObject({ code: 1013, reason: "memory", wasClean: true, texts: [{ retryAfterMs: 30_000 }] });
});

it("leaves a page in Chromium with 1006 where it offers nothing but a token: there is nothing to choose", async () => {
  const relay = await startRelay(await tokenOptions());

  const seen = await seenInBrowser(relay, ["postern.token.not.a.token"]);

  expect(seen).toMatchObject({ code: 1006, texts: [] });
});
