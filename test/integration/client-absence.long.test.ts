import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import type { Topic } from "../../client/topic.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";

it.each([
  ["a sealed topic", { secret: newSecret() }],
  ["a public topic", undefined],
])("gives a member that was away for longer than the grace what was sent to it before: in %s", async (name, sealed) => {
  const relay = await startRelay({ tls: "off" });
  const way = await Way.to(relay.port);
  const anna = await memberBy(relay.port, sealed);
  const bert = await memberBy(way.port, sealed);
  await eventually(() => expect(anna.peers.size).toBe(1));
  const events: string[] = [];
  anna.on("leave", () => events.push("left"));
  bert.on("lost", ({ count }) => events.push(`${count} lost`));
  bert.on("message", ({ text }) => events.push(text));

  way.lead(await freePort());
  way.cut();
  const waits = Array.from({ length: 20 }, (_, count) => anna.send(bert.self.id, `to ${name} ${count}`));
  await Promise.all(waits);
  await anna.broadcast("to all");
  await eventually(() => expect(events).toEqual(["left"]));
  way.lead(relay.port);

  const alone = Array.from({ length: 20 }, (_, count) => `to ${name} ${count}`);
  await eventually(() => expect(events).toHaveLength(22));
  expect(events.filter((event) => event !== "to all")).toEqual(["left", ...alone]);
  await anna.flush();
});

async function memberBy(port: number, sealed: { readonly secret: string } | undefined): Promise<Topic> {
  const client = connect(`ws://127.0.0.1:${port}`);
  onTestFinished(() => client.close());
  return sealed === undefined ? client.join("t", { public: true }) : client.join(sealed);
}
