import { describe, expect, it } from "vitest";
import { DeliveryError, PosternError } from "../../client/errors.ts";
import { plainMessage, Requests } from "../../client/requests.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type LaneEnd, LaneNetwork } from "../support/lane-network.ts";
import { settled } from "../support/lane-properties.ts";
import { bytes, codeOf, watch } from "../support/lane-scene.ts";

type Message = { readonly to: string; readonly payload: Uint8Array; readonly signal: AbortSignal | undefined };

/** The requests of one end, whose peers the test plays. */
function scene() {
  const clock = new FakeClock();
  const sent: Message[] = [];
  const faults: string[] = [];
  const line: { error: Error | undefined; isFull: boolean } = { error: undefined, isFull: false };
  const requests = new Requests({
    clock,
    sendDirect: (to, payload, { signal, wait }) => {
      if (line.error !== undefined) return Promise.reject(line.error);
      if (line.isFull && wait === false) return Promise.reject(new DeliveryError("would-wait"));
      sent.push({ to, payload, signal });
      return Promise.resolve();
    },
    onFault: (sid, kind) => faults.push(`${sid} ${kind}`),
  });
  return { clock, faults, line, requests, sent };
}

/** A message as it goes over the lane. */
function wire(kind: number, id: number, text = ""): Uint8Array {
  return Uint8Array.of(kind, id >>> 24, id >>> 16, id >>> 8, id, ...bytes(text));
}

function texts(sent: readonly Message[]): string[] {
  return sent.map(({ payload }) => `${payload[0]} ${payload[4]} ${new TextDecoder().decode(payload.subarray(5))}`);
}

describe("who asks", () => {
  it("gets the answer to its own request, whatever the order, from the peer that it has asked", async () => {
    const { requests, sent } = scene();
    const [one, two] = [requests.request("p", bytes("1")), requests.request("p", bytes("2"))];
    expect(texts(sent)).toEqual(["1 1 1", "1 2 2"]);

    requests.received("stranger", wire(2, 1, "forged"));
    requests.received("p", wire(2, 2, "second"));
    requests.received("p", wire(2, 1, ""));

    expect(await two).toEqual(bytes("second"));
    expect(await one).toEqual(bytes(""));
  });

  it("is told why there is no answer: in time, no handler, refused with a sentence, gone, aborted, closed", async () => {
    const { clock, requests } = scene();
    const ask = (options = {}): Promise<string> => codeOf(requests.request("p", bytes("a"), options));
    const controller = new AbortController();
    const late = ask({ timeoutMs: 50 });
    clock.advance(50);
    const [noHandler, aborted] = [ask(), ask({ signal: controller.signal })];
    const refused = requests.request("p", bytes("a")).catch((error: unknown) => error);
    requests.received("p", wire(4, 2));
    requests.received("p", wire(3, 4, `${"x".repeat(199)}\u{1f600}${"y".repeat(5000)}`));
    controller.abort();
    const gone = ask();
    requests.peerGone("p");
    const closed = ask();
    requests.close(new DeliveryError("closed"));

    expect([await late, await noHandler, await aborted, await gone]).toEqual([
      "timed-out",
      "no-handler",
      "aborted",
      "peer-gone",
    ]);
    expect([await closed, await ask(), await ask({ signal: AbortSignal.abort() })]).toEqual(Array(3).fill("closed"));
    const error = await refused;
    expect(error).toBeInstanceOf(PosternError);
    expect(error).toMatchObject({ code: "request-refused", cause: `${"x".repeat(199)}\u{fffd}` });
  });

  it("waits 10 s unless it is told otherwise, and passes over what comes later", async () => {
    const { clock, requests, sent } = scene();
    const asked = watch(requests.request("p", bytes("a")));
    clock.advance(9999);
    await settled();
    expect(asked.outcome).toBe("waits");
    clock.advance(1);
    await settled();

    requests.received("p", wire(2, 1, "late"));

    expect(asked.outcome).toBe("timed-out");
    expect(sent[0]?.signal?.aborted).toBe(true);
  });

  it("has 64 requests to a peer under way, lets 1,000 wait, in order, and rejects the next with backlog-full", async () => {
    const { clock, requests, sent } = scene();
    const asked = Array.from({ length: 1064 }, (_, index) =>
      watch(requests.request("p", bytes(`${index + 1}`), { timeoutMs: index === 64 ? 5 : 1000 })),
    );
    expect(sent).toHaveLength(64);
    expect(await codeOf(requests.request("p", bytes("a")))).toBe("backlog-full");
    clock.advance(5);
    requests.received("p", wire(2, 1, "done"));
    requests.received("p", wire(2, 900, "to one that was never sent"));
    await settled();

    expect(texts(sent).at(-1)).toBe("1 66 66");
    expect(asked.slice(0, 3).map(({ outcome }) => outcome)).toEqual(["none", "waits", "waits"]);
    expect(asked[64]?.outcome).toBe("timed-out");
    requests.peerGone("p");
    await settled();
    expect(asked.at(-1)?.outcome).toBe("peer-gone");
    expect(sent).toHaveLength(65);
  });

  it("gets the error of the sending", async () => {
    const { line, requests } = scene();
    line.error = new DeliveryError("payload-too-large");

    expect(await codeOf(requests.request("p", bytes("a")))).toBe("payload-too-large");
  });
});

describe("who is asked", () => {
  it("answers with bytes or text, and with a sentence alone where the handler fails", async () => {
    const { requests, sent } = scene();
    requests.received("p", wire(1, 1, "nobody"));
    const answers: (() => unknown)[] = [
      () => bytes("bytes"),
      async () => "text",
      () => {
        throw Object.assign(new Error("x".repeat(300)), { secret: "secret" });
      },
      async () => Promise.reject(new Error("rejected")),
      () => Promise.reject("no error"),
      () => undefined,
    ];
    for (const [index, answer] of answers.entries()) {
      requests.setHandler(answer as () => Uint8Array);
      requests.received("p", wire(1, index + 2, "ask"));
      await settled();
    }

    expect(texts(sent)).toEqual([
      "4 1 ",
      "2 2 bytes",
      "2 3 text",
      `3 4 ${"x".repeat(200)}`,
      "3 5 rejected",
      "3 6 The handler failed",
      "3 7 Data is a string or a Uint8Array, of at least one byte",
    ]);
  });

  it("handles 64 requests of one peer at a time, refuses more, and goes on when one is answered", async () => {
    const { line, requests, sent } = scene();
    const open: (() => void)[] = [];
    requests.setHandler(() => new Promise((resolve) => open.push(() => resolve("done"))));
    for (let id = 1; id <= 65; id += 1) requests.received("p", wire(1, id));
    requests.received("q", wire(1, 1));
    await settled();
    expect(open).toHaveLength(65);
    expect(texts(sent)).toEqual(["3 65 Too many requests at once"]);

    line.isFull = true;
    for (let id = 66; id <= 99; id += 1) requests.received("p", wire(1, id));
    open[0]?.();
    await settled();
    requests.received("p", wire(1, 100));
    await settled();

    expect(open).toHaveLength(66);
    expect(texts(sent).slice(1)).toEqual(["2 1 done"]);
  });

  it("survives that its answer cannot be sent", async () => {
    const { line, requests, sent } = scene();
    requests.setHandler(() => "a");
    line.error = new DeliveryError("peer-gone");
    for (let id = 1; id <= 100; id += 1) {
      requests.received("p", wire(1, id));
      await settled();
    }
    line.error = undefined;
    requests.received("p", wire(1, 101));
    await settled();

    expect(texts(sent)).toEqual(["2 101 a"]);
  });
});

it("gives the app what is a plain message, and tells of what is none", () => {
  const { faults, requests, sent } = scene();

  expect(requests.received("p", plainMessage(bytes("hi")))).toEqual(bytes("hi"));
  for (const bad of [[], [0], [1, 0, 0, 0], [2], [5, 0, 0, 0, 1], [255]])
    expect(requests.received("p", Uint8Array.from(bad))).toBeUndefined();

  expect(faults).toEqual([...Array(4).fill("p unreadable"), ...Array(2).fill("p unknown-kind")]);
  expect(sent).toEqual([]);
});

it("answers each request once over lanes that are cut", async () => {
  const network = new LaneNetwork(["one", "other"]);
  const [one, other] = [network.end(0), network.end(1)];
  const handled: string[] = [];
  const requestsOf = (end: LaneEnd): Requests => {
    const requests = new Requests({
      clock: network.clock,
      sendDirect: (sid, payload, options) => end.lanes.send(sid, payload, options),
      onFault: (_, kind) => network.broken.push(kind),
    });
    end.onDirect = (sid, payload) => requests.received(sid, payload);
    return requests;
  };
  const [asker, handler] = [requestsOf(one), requestsOf(other)];
  handler.setHandler((_, data) => {
    handled.push(new TextDecoder().decode(data));
    return data;
  });
  const answers: Promise<Uint8Array>[] = [];
  for (let round = 0; round < 20; round += 1) {
    answers.push(asker.request("other", bytes(`${round}`)));
    if (round % 3 === 0) network.cut(network.end(round), 100);
    network.clock.advance(7);
    await settled();
  }
  for (let ms = 0; ms < 5000; ms += 5) {
    network.clock.advance(5);
    await settled();
  }

  const rounds = Array.from({ length: 20 }, (_, round) => `${round}`);
  expect(await Promise.all(answers)).toEqual(rounds.map(bytes));
  expect(handled).toEqual(rounds);
  expect(network.broken).toEqual([]);
});
