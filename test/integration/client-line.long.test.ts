import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { TestLine, Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";
import { nowSeconds, token, tokenOptions } from "../support/tokens.ts";

it("notices within 12 s that a line swallows everything, and is back by another way", async () => {
  const relay = await startRelay();
  const way = await Way.to(relay.port);
  const topic = TestLine.to(relay, {}, way.port).open("t");
  await topic.hasJoined();

  way.block();
  const startMs = performance.now();
  topic.line.sendToAll(new Uint8Array([1]));
  await eventually(() => expect(topic.of("down")).toHaveLength(1));
  const noticedMs = performance.now() - startMs;
  way.unblock();
  await topic.hasJoined(2);

  expect(noticedMs).toBeLessThan(12_000);
  expect(noticedMs).toBeGreaterThan(5000);
});

it("stays for longer than any silence, with nothing to send", async () => {
  const relay = await startRelay({ pingIntervalMs: 5000 });
  const line = TestLine.to(relay);
  await line.open("t").hasJoined();

  await new Promise((resolve) => {
    setTimeout(resolve, 20_000);
  });

  expect(line.states).toEqual(["connected"]);
  expect(line.line.info.roundTripMs).toBeLessThan(5000);
});

it("presents its token, renews it in-band before it ends, and does not reconnect for it", async () => {
  const relay = await startRelay(await tokenOptions());
  const tokens: string[] = [];
  const line = TestLine.to(relay, {
    token: async () => {
      const made = await token({
        claims: { exp: nowSeconds() + (tokens.length === 0 ? 17 : 3600), jti: `${tokens.length}` },
      });
      tokens.push(made);
      return made;
    },
  });
  const topic = line.open("t");
  await topic.hasJoined();

  await eventually(() => expect(tokens).toHaveLength(2));
  topic.line.sendToAll(new Uint8Array([1]));

  expect(line.states).toEqual(["connected"]);
  expect(line.errors).toEqual([]);
});
