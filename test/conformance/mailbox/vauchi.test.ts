import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startRelay, type TestRelay } from "../../support/relay.ts";
import { ShiftedClock } from "../../support/shifted-clock.ts";
import { frameOf, VauchiClient } from "../../support/vauchi-client.ts";

/**
 * One step of what was recorded with the original, in its order. `who` is a client. Of a message the payload is there, and
 * its id; `$1` and the like stand for ids that the relay made up, `*` for any. A step that `differs` names the clause of
 * docs/protocols.md, and `here` is what this relay does in place of it; null: nothing.
 */
type Step = {
  readonly who: string;
  readonly open?: string;
  readonly send?: object;
  readonly id?: string;
  readonly length?: number;
  readonly at?: number;
  readonly version?: number;
  readonly sendHex?: string;
  readonly sendRaw?: string;
  readonly sendText?: string;
  readonly hear?: object | "ack";
  readonly quiet?: true;
  readonly close?: number;
  readonly closed?: number;
  readonly differs?: string;
  readonly here?: object | "ack" | number | null;
};
type Scene = { readonly title: string; readonly steps: readonly Step[] };

const scenes = JSON.parse(readFileSync(new URL("vauchi.json", import.meta.url), "utf8")) as readonly Scene[];
/** When the signatures were made. */
const RECORDED_AT_MS = 1_795_200_701_000;
/** How long nothing has to come for it to be nothing. */
const QUIET_MS = 100;
const ACK = {
  type: "HandshakeAck",
  protocol_version: 1,
  server_version: "1.1.0",
  features: [
    "routing_token",
    "suppress_presence",
    "purge",
    "device_sync",
    "recovery_proof",
    "account_revoked",
    "forwarding_hints",
    "authenticated_handshake",
  ],
};

/** The calendar of the recording: it stands still. */
class RecordedClock extends ShiftedClock {
  override epochMs(): number {
    return RECORDED_AT_MS;
  }
}

class Replay {
  readonly #relay: TestRelay;
  readonly #path: string;
  readonly #clients = new Map<string, VauchiClient>();
  readonly #readCounts = new Map<VauchiClient, number>();
  readonly #ids = new Map<string, string>();
  readonly counts = { sent: 0, heard: 0, quiet: 0, closes: 0, differing: 0 };

  constructor(relay: TestRelay, path: string) {
    this.#relay = relay;
    this.#path = path;
  }

  async play(step: Step): Promise<void> {
    if (step.open !== undefined) {
      this.#clients.set(step.who, await VauchiClient.open(this.#relay, { path: this.#path }));
      return;
    }
    const client = this.#clients.get(step.who);
    if (client === undefined) throw new Error(`${step.who} was never opened`);
    if (step.differs !== undefined) this.counts.differing += 1;
    if (this.#sends(client, step)) this.counts.sent += 1;
    else if (step.close !== undefined) client.socket.close(step.close);
    else await this.#expects(client, step);
  }

  #sends({ socket }: VauchiClient, { send, id, length, at, version, sendHex, sendRaw, sendText }: Step): boolean {
    if (send !== undefined) {
      const frame = frameOf(this.#resolved(send), id, {
        ...(length === undefined ? {} : { length }),
        ...(at === undefined ? {} : { atSeconds: at }),
      });
      socket.send(version === undefined ? frame : withVersion(frame, version));
    } else if (sendHex !== undefined) socket.send(Buffer.from(sendHex, "hex"));
    else if (sendRaw !== undefined) socket.send(Buffer.concat([Buffer.alloc(4), Buffer.from(sendRaw)]));
    else if (sendText !== undefined) socket.send(sendText);
    else return false;
    return true;
  }

  async #expects(client: VauchiClient, step: Step): Promise<void> {
    const wanted = step.differs === undefined ? (step.hear ?? step.closed) : step.here;
    if (typeof wanted === "number") {
      this.counts.closes += 1;
      expect(await client.closed()).toMatchObject({ code: wanted });
    } else if (wanted === null) expect(step.hear).toBeDefined();
    else if (wanted === undefined) {
      this.counts.quiet += 1;
      await sleep(QUIET_MS);
      expect(client.heard.slice(this.#readCounts.get(client) ?? 0)).toEqual([]);
    } else await this.#hears(client, wanted === "ack" ? ACK : wanted, step.id ?? "*");
  }

  async #hears(client: VauchiClient, wanted: object, id: string): Promise<void> {
    const index = this.#readCounts.get(client) ?? 0;
    const deadlineMs = performance.now() + 5000;
    while (client.heard.length <= index && performance.now() < deadlineMs) await sleep(2);
    const { message_id: messageId, payload } = client.heard[index] ?? { message_id: "", payload: {} };
    expect(payload).toEqual(this.#resolved(wanted));
    // The order of the fields too: one of the original's clients reads some by place.
    expect(Object.keys(payload)).toEqual(Object.keys(wanted));
    if (id.startsWith("$") && !this.#ids.has(id)) this.#ids.set(id, messageId);
    else if (id !== "*") expect(messageId).toBe(this.#ids.get(id) ?? id);
    this.#readCounts.set(client, index + 1);
    this.counts.heard += 1;
  }

  /** With the ids that this relay made up. */
  #resolved(payload: object): object {
    return JSON.parse(
      JSON.stringify(payload).replaceAll(/"(\$\d+)"/g, (_, id: string) => `"${this.#ids.get(id)}"`),
    ) as object;
  }
}

function withVersion(frame: Buffer, version: number): Buffer {
  const json = frame.toString("utf8", 4).replace('"version":1', `"version":${version}`);
  return Buffer.concat([frame.subarray(0, 4), Buffer.from(json)]);
}

async function play(replay: Replay, played: readonly Scene[]): Promise<void> {
  for (const { title, steps } of played) {
    for (const [index, step] of steps.entries()) {
      await replay.play(step).catch((error: unknown) => {
        throw new Error(`${title}, step ${index}: ${JSON.stringify(step)}`, { cause: error });
      });
    }
  }
}

/** The shared port has clients of the relay's own protocol at the same address: text is theirs. */
it.each([
  { path: "/vauchi", left: [] },
  { path: "/", left: ["hs-text-frame"] },
])(
  "[VAUCHI-1] [VAUCHI-2] [VAUCHI-5] [VAUCHI-13] [VAUCHI-14] [VAUCHI-15] [VAUCHI-16] [VAUCHI-17] is at $path to the recorded clients of the original what that was, but for what was wrong with it",
  async ({ path, left }) => {
    const relay = await startRelay(
      { dialects: ["topic", "raw", "pair", "mailbox"], mailboxStore: "memory", mailboxMessagesPerMinute: 1000 },
      new RecordedClock(),
    );
    const replay = new Replay(relay, path);

    await play(
      replay,
      scenes.filter(({ title }) => title !== "limits" && !left.includes(title)),
    );

    // All that was recorded, and none that was left out.
    const shorter = left.length;
    expect(replay.counts).toEqual({
      sent: 71 - shorter,
      heard: 53,
      quiet: 11,
      closes: 24 - shorter,
      differing: 37 - shorter,
    });
  },
);

it("[VAUCHI-6] holds the recorded clients to a rate and a quota as the original did", async () => {
  const relay = await startRelay({
    dialects: ["mailbox"],
    mailboxStore: "memory",
    mailboxMessagesPerMinute: 4,
    mailboxMaxMessagesPerMailbox: 2,
  });
  const replay = new Replay(relay, "/");

  await play(
    replay,
    scenes.filter(({ title }) => title === "limits"),
  );

  expect(replay.counts).toMatchObject({ sent: 6, heard: 5, quiet: 1 });
});
