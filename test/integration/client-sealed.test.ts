import { randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { connect as connectAnywhere } from "../../client/index.ts";
import { connect as connectOnNode } from "../../client/node.ts";
import type { Relay } from "../../client/relay.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { topicIdOf } from "../../client/sealing/topic-id.ts";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

type Connect = (address: string) => Relay;

function connected(relay: TestRelay, connect: Connect = connectOnNode): Relay {
  const client = connect(relay.url);
  onTestFinished(() => client.close());
  return client;
}

describe.each([
  ["node:crypto", connectOnNode, connectOnNode],
  ["WebCrypto", connectAnywhere, connectAnywhere],
  ["node:crypto with WebCrypto", connectOnNode, connectAnywhere],
] as [string, Connect, Connect][])("two members with a secret, by %s", (_name, one, other) => {
  it("exchange everything in order, over a restart of the relay", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const anna = await connected(relay, one).join({ secret });
    const bert = await connected(relay, other).join({ secret });
    expect([...bert.peers.keys()]).toEqual([anna.self.id]);
    await eventually(() => expect([...anna.peers.keys()]).toEqual([bert.self.id]));
    const heard: string[] = [];
    const faults: unknown[] = [];
    bert.on("message", ({ text, isDirect }) => heard.push(isDirect ? `alone ${text}` : text));
    for (const topic of [anna, bert]) topic.on("fault", (fault) => faults.push(fault));
    bert.onRequest(({ text }) => `${text}?`);

    for (let count = 0; count < 500; count += 1) await anna.broadcast(`${count}`.padEnd(1 + ((count * 37) % 9000)));
    await anna.send(bert.self, "for you");
    expect(new TextDecoder().decode(await anna.request(bert.self, "why"))).toBe("why?");
    await anna.flush();
    await relay.stop();
    await anna.broadcast("sent while it is down");
    await startRelay({ tls: "off", port: relay.port });
    await eventually(() => expect(heard.at(-1)).toBe("sent while it is down"));

    const broadcast = heard.filter((text) => !text.startsWith("alone"));
    expect(broadcast.map((text) => text.trimEnd())).toEqual([
      ...Array.from({ length: 500 }, (_, count) => `${count}`),
      "sent while it is down",
    ]);
    expect(heard).toContain("alone for you");
    expect(faults).toEqual([]);
  });

  it("leave behind what they have sent to one", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const anna = await connected(relay, one).join({ secret });
    const bert = await connected(relay, other).join({ secret });
    await eventually(() => expect(anna.peers.size).toBe(1));
    let heardCount = 0;
    bert.on("message", () => (heardCount += 1));

    for (let count = 0; count < 15; count += 1) await anna.send(bert.self, new Uint8Array(60_000).fill(1));
    await anna.leave();

    await eventually(() => expect(bert.peers.size).toBe(0));
    expect(heardCount).toBe(15);
  });

  it("stream bytes to each other, over a kill of the relay", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const anna = await connected(relay, one).join({ secret });
    const bert = await connected(relay, other).join({ secret });
    await eventually(() => expect([...anna.peers.keys()]).toEqual([bert.self.id]));
    const bytes = randomBytes(3_000_000);
    const echoed = new Promise<Buffer>((resolve) => {
      streamsOf(bert).onStream(async ({ readable, writable }) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of readable) pieces.push(piece);
        await writable.close();
        resolve(Buffer.concat(pieces));
      });
    });

    const stream = await streamsOf(anna).open(bert.self, "a file");
    const writer = stream.writable.getWriter();
    for (let at = 0; at < bytes.length; at += 100_000) {
      await writer.write(bytes.subarray(at, at + 100_000));
      if (at === 1_000_000) {
        await relay.stop();
        await startRelay({ tls: "off", port: relay.port });
      }
    }
    await writer.close();

    expect((await echoed).equals(bytes)).toBe(true);
    await stream.closed;
  });

  it("show each other what they are, over a restart of the relay and without a flicker", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const anna = await connected(relay, one).join({ secret }, { presence: "anna" });
    const told: string[] = [];
    for (const event of ["join", "leave"] as const) anna.on(event, () => told.push(event));
    const bert = await connected(relay, other).join({ secret }, { presence: "bert" });
    await eventually(() => expect(shownOf(anna, bert)).toBe("bert"));
    await eventually(() => expect(shownOf(bert, anna)).toBe("anna"));

    for (let count = 0; count < 1000; count += 1) bert.setPresence(`bert ${count}`);
    await eventually(() => expect(shownOf(anna, bert)).toBe("bert 999"));
    await relay.stop();
    bert.setPresence("bert, while it is down");
    await startRelay({ tls: "off", port: relay.port });
    await eventually(() => expect(shownOf(anna, bert)).toBe("bert, while it is down"));

    expect(shownOf(bert, anna)).toBe("anna");
    expect(told).toEqual(["join"]);
  });
});

it("shows a classic member and a member without the secret nothing, and is told of both", async () => {
  const relay = await startRelay({ tls: "off" });
  const secret = newSecret();
  const id = await topicIdOf(secret);
  const classic = await openClassic(relay, id, "old");
  const anna = await connected(relay).join({ secret });
  const stranger = await connected(relay).join(id, { public: true });
  const heard: string[] = [];
  stranger.on("message", ({ text }) => heard.push(text));
  const faults: string[] = [];
  anna.on("fault", ({ kind }) => faults.push(kind));

  await stranger.broadcast("let me in");
  await anna.broadcast("the secret words");
  await eventually(() => expect(faults).toContain("unsealed"));

  expect(anna.peers.size).toBe(0);
  expect(heard.join()).not.toContain("words");
  await classic.settled();
  expect(classic.texts.length).toBeGreaterThan(0);
  expect(classic.texts.join()).not.toContain(Buffer.from("the secret words").toString("base64").slice(0, 8));
});

it("joins with a token for the id that its secret names, or for the hash of that, and with no other", async () => {
  const relay = await startRelay({ tls: "off", ...(await tokenOptions()) });
  const secret = newSecret();
  const id = await topicIdOf(secret);
  const join = (topics: readonly string[]): Promise<unknown> => {
    const client = connectOnNode(relay.url, { token: () => token({ claims: { topics } }) });
    onTestFinished(() => client.close());
    return client.join({ secret });
  };

  await join([id]);
  await join([`sha256:${Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(id))).toString("hex")}`]);
  await expect(join(["another"])).rejects.toMatchObject({ code: "not-permitted" });
});

it("refuses a weak secret, and a plain topic with one, before it asks the relay", async () => {
  const client = connected(await startRelay({ tls: "off" }));

  await expect(client.join({ secret: "AAAA" })).rejects.toMatchObject({ code: "secret-invalid" });
  await expect(client.join({ secret: newSecret() }, { plain: true })).rejects.toMatchObject({ code: "option-invalid" });
});

it("warns once that topics with bare names are public, and not where that is meant", async () => {
  const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
  onTestFinished(() => warned.mockRestore());
  const client = connected(await startRelay({ tls: "off" }));

  await client.join("meant", { public: true });
  await client.join({ secret: newSecret() });
  expect(warned).not.toHaveBeenCalled();
  await client.join("one");
  await client.join("other");

  expect(warned).toHaveBeenCalledOnce();
  expect(warned.mock.calls[0]?.[0]).toMatch(/is public/);
});

it("shows presence in a public topic too, and in a plain one not", async () => {
  const relay = await startRelay({ tls: "off" });
  const join = (): Promise<Topic> =>
    connected(relay).join("open", { public: true, presence: new Uint8Array([0, 255]) });
  const [anna, bert] = [await join(), await join()];

  await eventually(() => expect(anna.peers.get(bert.self.id)?.presence).toEqual(new Uint8Array([0, 255])));
  expect(bert.peers.get(anna.self.id)?.presence).toEqual(new Uint8Array([0, 255]));
  const plain = connected(relay).join("plain", { plain: true, presence: "me" });
  await expect(plain).rejects.toMatchObject({ code: "option-invalid" });
});

/** What one member sees of the other. */
function shownOf(one: Topic, other: Topic): string | undefined {
  const presence = one.peers.get(other.self.id)?.presence;
  return presence && new TextDecoder().decode(presence);
}
