import { expect, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import type { Topic } from "../../client/topic.ts";
import { BrowserPage } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";

const it = itInBrowser();

it("a page that the browser freezes leaves its connection at once, and has missed nothing when it runs again", async () => {
  const { page, topic, relay, gone } = await pageAndMember();

  await page.setLifecycle("frozen");
  // A browser answers the relay's pings for a frozen page: without a leave it would stay for ten minutes.
  await eventually(() => expect(relay.figures().connections).toBe(1));
  await topic.broadcast("meanwhile");
  await page.setLifecycle("active");

  await eventually(() => expect(relay.figures().connections).toBe(2));
  await eventually(async () => expect(await logOf(page)).toContain("meanwhile"));
  expect(gone).toEqual([]);
});

it("a page that stays frozen has left, and joins again when it runs", async () => {
  const { page, topic, relay, gone } = await pageAndMember();

  await page.setLifecycle("frozen");
  await eventually(() => expect(gone).toHaveLength(1));
  expect(topic.peers.size).toBe(0);
  await page.setLifecycle("active");

  await eventually(() => expect(relay.figures().connections).toBe(2));
  await eventually(() => expect(topic.peers.size).toBe(1));
  await topic.broadcast("you are back");
  await eventually(async () => expect(await logOf(page)).toContain("you are back"));
});

async function pageAndMember(): Promise<{
  readonly page: BrowserPage;
  readonly topic: Topic;
  readonly relay: TestRelay;
  readonly gone: readonly string[];
}> {
  const relay = await startRelay({ tls: "off" });
  const secret = newSecret();
  const client = connect(relay.url);
  onTestFinished(() => client.close());
  const topic = await client.join({ secret });
  const gone: string[] = [];
  topic.on("leave", ({ id }) => gone.push(id));
  const page = await BrowserPage.open();
  await page.goTo(`${relay.url.replace("ws", "http")}/#${secret}`);
  await eventually(() => expect(topic.peers.size).toBe(1));
  return { page, topic, relay, gone };
}

function logOf(page: BrowserPage): Promise<unknown> {
  return page.evaluate("document.querySelector('#log').textContent");
}
