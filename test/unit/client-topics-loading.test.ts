import { expect, it } from "vitest";
import { RelayClient } from "../../client/relay-client.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";
import { type PrepareTopic, prepareTopic } from "../../client/topics.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ScriptedRelay } from "../support/scripted-relay.ts";

/** A client whose topics are loaded as the test says, on a relay that the test plays. */
function scene(load: () => Promise<PrepareTopic>) {
  const clock = new FakeClock();
  const relay = new ScriptedRelay();
  const warnings: string[] = [];
  const parts = {
    clock,
    random: () => 0.5,
    dial: relay.dial,
    resendBufferBytes: 1_048_576,
    cryptography: new WebCryptography(),
    loadTopics: load,
    warn: (text: string) => void warnings.push(text),
  };
  const client = new RelayClient(parts, "wss://relay.test", {});
  const codes: string[] = [];
  client.on("error", ({ code }) => codes.push(code));
  clock.advance(0);
  return { clock, relay, client, codes, warnings };
}

/** What is due behind promises has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

it("dials while topics are loaded, and joins on the connection that is there when they are", async () => {
  const coming = Promise.withResolvers<PrepareTopic>();
  const { relay, client } = scene(() => coming.promise);
  const joining = client.join("t", { public: true });
  relay.last.open();
  relay.last.pong();
  await turn();
  const joinsBefore = relay.last.of("join").length;

  coming.resolve(prepareTopic);
  await turn();
  relay.last.joined({ peerId: "self" });

  expect((await joining).name).toBe("t");
  expect([joinsBefore, relay.last.of("join").length, relay.sockets.length]).toEqual([0, 1, 1]);
});

it("loads them again until they are there, and tells each failure as an error", async () => {
  const answers = [Promise.reject(new TypeError("404")), Promise.resolve(prepareTopic)];
  const { clock, relay, client, codes } = scene(() => answers.shift() ?? Promise.reject(new Error("asked too often")));
  const joining = client.join("t", { public: true });
  relay.last.open();
  await turn();
  clock.advance(1000);
  await turn();
  relay.last.joined({ peerId: "self" });

  expect((await joining).name).toBe("t");
  expect(codes).toEqual(["load-failed"]);
});

it("rejects with load-failed and the cause where the time is over, and the next join asks anew", async () => {
  let isThere = false;
  const { clock, relay, client } = scene(() =>
    isThere ? Promise.resolve(prepareTopic) : Promise.reject(new TypeError("404")),
  );
  const late = client.join("t", { public: true, timeoutMs: 5000 });
  late.catch(() => undefined);
  await turn();
  clock.advance(5000);
  await expect(late).rejects.toMatchObject({ name: "ConnectError", code: "load-failed", cause: { message: "404" } });

  isThere = true;
  const joining = client.join("t", { public: true });
  relay.last.open();
  await turn();
  relay.last.joined({ peerId: "self" });

  expect((await joining).name).toBe("t");
});

it("rejects with load-failed where the server does not answer in time", async () => {
  const { clock, client } = scene(() => new Promise(() => undefined));
  const late = client.join("t", { public: true, timeoutMs: 5000 });
  clock.advance(5000);

  await expect(late).rejects.toMatchObject({ code: "load-failed", cause: { code: "timed-out" } });
});

it("ends a join that is loading with aborted, or with closed, as any other", async () => {
  const { client, warnings } = scene(() => new Promise(() => undefined));
  const abort = new AbortController();
  const aborted = client.join("t", { signal: abort.signal });
  const closed = client.join("u");

  abort.abort();
  await expect(aborted).rejects.toMatchObject({ name: "DeliveryError", code: "aborted" });
  void client.close();
  await expect(closed).rejects.toMatchObject({ name: "ConnectError", code: "closed" });
  await expect(client.join("v")).rejects.toMatchObject({ code: "closed" });
  expect(warnings).toEqual([]);
});

it("joins a topic once where two joins were loading", async () => {
  const { relay, client } = scene(() => Promise.resolve(prepareTopic));
  const outcomes = Promise.allSettled([client.join("t", { public: true }), client.join("t", { public: true })]);
  relay.last.open();
  await turn();
  relay.last.joined({ peerId: "self" });

  const [first, second] = await outcomes;
  expect(first.status).toBe("fulfilled");
  expect(second).toMatchObject({ status: "rejected", reason: { code: "already-joined" } });
});
