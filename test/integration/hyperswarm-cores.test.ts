import { randomBytes } from "node:crypto";
import Autobase from "autobase";
import { expect, it, onTestFinished } from "vitest";
import { newStore, replicate } from "../support/cores.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { TestSwarm } from "../support/swarms.ts";

it("replicates a core of a corestore", async () => {
  const relay = await startRelay({ tls: "off" });
  const [writer, reader] = [new TestSwarm(relay), new TestSwarm(relay)];
  const [written, read] = [await newStore(), await newStore()];
  replicate(written, writer.swarm);
  replicate(read, reader.swarm);
  const core = written.get({ name: "core" });
  await core.ready();
  const blocks = Array.from({ length: 300 }, (_, index) => randomBytes(1 + ((index * 977) % 20_000)));
  await core.append(blocks);

  writer.swarm.join(core.discoveryKey, { client: false, server: true });
  reader.swarm.join(core.discoveryKey, { client: true, server: false });
  const copy = read.get({ key: core.key });
  await copy.ready();
  await eventually(async () => {
    await copy.update();
    expect(copy.length).toBe(300);
  });
  await copy.download({ start: 0, end: 300 }).done();

  for (const [index, block] of blocks.entries()) expect(block.equals(await copy.get(index))).toBe(true);
});

/** A base whose view is the list of all that was written. */
function newBase(store: Awaited<ReturnType<typeof newStore>>, bootstrap: Buffer | null): Autobase {
  const base = new Autobase(store, bootstrap, {
    valueEncoding: "json",
    open: (views) => views.get("view", { valueEncoding: "json" }),
    apply: async (nodes, view, host) => {
      for (const { value } of nodes) {
        if (typeof value === "string") await view.append(value);
        else await host.addWriter(Buffer.from(String(Reflect.get(Object(value), "add")), "hex"), { indexer: true });
      }
    },
  });
  onTestFinished(() => base.close());
  return base;
}

async function viewOf(base: Autobase): Promise<readonly string[]> {
  await base.update();
  return Promise.all(Array.from({ length: base.view.length }, (_, index) => base.view.get(index)));
}

it("lets two writers of an autobase converge, over a restart of the relay", async () => {
  const relay = await startRelay({ tls: "off" });
  const [anna, bert] = [new TestSwarm(relay), new TestSwarm(relay)];
  const [annas, berts] = [await newStore(), await newStore()];
  const first = newBase(annas, null);
  await first.ready();
  const second = newBase(berts, first.key);
  await second.ready();
  replicate(annas, anna.swarm);
  replicate(berts, bert.swarm);
  anna.swarm.join(first.discoveryKey);
  bert.swarm.join(first.discoveryKey);

  await first.append({ add: second.local.key.toString("hex") });
  await eventually(async () => {
    await second.update();
    expect(second.writable).toBe(true);
  });
  await Promise.all([first.append("a1"), second.append("b1")]);
  await relay.stop();
  await Promise.all([first.append("a2"), second.append("b2")]);
  await startRelay({ tls: "off", port: relay.port });

  await eventually(async () => {
    const views = [await viewOf(first), await viewOf(second)];
    expect(views[0]?.toSorted()).toEqual(["a1", "a2", "b1", "b2"]);
    expect(views[1]).toEqual(views[0]);
  });
});
