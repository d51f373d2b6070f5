import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { ask } from "../../support/ask.ts";
import { eventually } from "../../support/eventually.ts";
import { PlainClient, statusOfUpgrade } from "../../support/plain-client.ts";
import { startRelay, type TestRelay } from "../../support/relay.ts";

/**
 * One conversation with the original's server, as it was recorded: every frame, close and page in its order. `who` is a
 * client. A step that `differs` names the clause of docs/protocols.md, and has what the original did.
 */
type Step = {
  readonly who?: string;
  readonly open?: string;
  readonly refused?: number;
  readonly sendText?: string;
  readonly sendHex?: string;
  readonly sendBytes?: number;
  readonly hearText?: string;
  readonly hearHex?: string;
  readonly hearBytes?: number;
  readonly quiet?: true;
  readonly ping?: true;
  readonly close?: number;
  readonly terminate?: true;
  readonly closed?: number;
  readonly get?: string;
  readonly status?: number;
  readonly body?: Readonly<Record<string, unknown>>;
};
type Scene = { readonly title: string; readonly steps: readonly Step[] };

const scenes = JSON.parse(readFileSync(new URL("session-pair.json", import.meta.url), "utf8")) as readonly Scene[];

/** The clients of a recorded conversation, each known by its letter. */
class Replay {
  readonly #relay: TestRelay;
  readonly #clients = new Map<string, PlainClient>();
  readonly #readCounts = new Map<PlainClient, number>();
  readonly counts = { sent: 0, heard: 0, closes: 0, pages: 0 };

  constructor(relay: TestRelay) {
    this.#relay = relay;
  }

  async play(step: Step): Promise<void> {
    if (step.get !== undefined) await this.#page(step);
    else if (step.open !== undefined) await this.#open(step);
    else await this.#act(this.#clientOf(step), step);
  }

  #clientOf({ who = "" }: Step): PlainClient {
    const client = this.#clients.get(who);
    if (client === undefined) throw new Error(`${who} was never opened`);
    return client;
  }

  async #page({ get = "", status, body }: Step): Promise<void> {
    this.counts.pages += 1;
    // What closes the other side is told to the relay a moment later than to the client.
    await eventually(async () => {
      const answer = await ask(this.#relay, `/pair${get}`, {});
      expect([get, answer.status]).toEqual([get, status]);
      if (body === undefined) return;
      const shape = Object.entries(body).map(([key, value]) => [key, value ?? expect.any(Number)]);
      expect(JSON.parse(answer.body)).toEqual(Object.fromEntries(shape));
    });
  }

  async #open({ who = "", open = "", refused }: Step): Promise<void> {
    if (refused === undefined) this.#clients.set(who, await PlainClient.open(this.#relay, `/pair${open}`));
    else expect(await statusOfUpgrade(this.#relay, `/pair${open}`)).toBe(refused);
  }

  async #act(client: PlainClient, step: Step): Promise<void> {
    const sent = step.sendText ?? bytesOf(step.sendHex, step.sendBytes);
    const heard = step.hearText ?? hexOf(bytesOf(step.hearHex, step.hearBytes));
    if (sent !== undefined) {
      this.counts.sent += 1;
      client.send(sent);
      if (step.sendBytes === undefined) await Promise.race([client.settled(), client.closed()]);
    } else if (heard !== undefined) await this.#hear(client, heard);
    else if (step.quiet) {
      await client.settled();
      expect(client.heard).toHaveLength(this.#readCounts.get(client) ?? 0);
    } else if (step.ping) await pingOf(client);
    else if (step.close !== undefined) client.socket.close(step.close);
    else if (step.terminate) client.socket.terminate();
    else if (step.closed !== undefined) {
      this.counts.closes += 1;
      expect(await client.closed()).toMatchObject({ code: step.closed });
    } else throw new Error(`no step: ${JSON.stringify(step)}`);
  }

  async #hear(client: PlainClient, expected: string): Promise<void> {
    const index = this.#readCounts.get(client) ?? 0;
    await eventually(() => expect(client.heard.length).toBeGreaterThan(index));
    expect(client.heard[index] === expected).toBe(true);
    this.#readCounts.set(client, index + 1);
    this.counts.heard += 1;
  }
}

function bytesOf(hex: string | undefined, byteCount: number | undefined): Buffer | undefined {
  if (hex !== undefined) return Buffer.from(hex, "hex");
  return byteCount === undefined ? undefined : Buffer.alloc(byteCount);
}

function hexOf(bytes: Buffer | undefined): string | undefined {
  return bytes && `binary ${bytes.toString("hex")}`;
}

async function pingOf({ socket }: PlainClient): Promise<void> {
  expect(socket.readyState).toBe(WebSocket.OPEN);
  await new Promise((resolve) => {
    socket.once("ping", resolve);
  });
}

it("[PAIR-1] [PAIR-2] [PAIR-3] is to the recorded clients of the original what that was, but for what was wrong with it", async () => {
  const relay = await startRelay({ pingIntervalMs: 300 });
  const replay = new Replay(relay);
  onTestFinished(() => relay.stop());

  for (const { title, steps } of scenes) {
    for (const [index, step] of steps.entries()) {
      await replay.play(step).catch((error: unknown) => {
        throw new Error(`${title}, step ${index}: ${JSON.stringify(step)}`, { cause: error });
      });
    }
  }

  // All that was recorded, and none that was left out.
  expect(replay.counts).toEqual({ sent: 13, heard: 9, closes: 8, pages: 10 });
});
