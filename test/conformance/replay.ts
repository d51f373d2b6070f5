import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { type HttpAnswer, post } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import type { TestRelay } from "../support/relay.ts";

/**
 * One conversation with an original's server, as it was recorded: every frame, close and page in its order. `who` is a
 * client. A step that `differs` names the clause of docs/protocols.md, and has what the original did: nothing of its own
 * where the relay does no such thing.
 */
type Step = {
  readonly who?: string;
  readonly open?: string;
  readonly bearer?: string;
  readonly refused?: number;
  readonly send?: string;
  readonly sendHex?: string;
  readonly hear?: string;
  /** How often the letter stands where `send` and `hear` have `<x>`. */
  readonly times?: number;
  readonly quiet?: true;
  readonly ping?: true;
  readonly close?: number;
  readonly terminate?: true;
  readonly closed?: number;
  readonly reason?: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly status?: number;
  /** Null stands for whatever it is. */
  readonly answer?: Readonly<Record<string, unknown>>;
  readonly differs?: string;
  readonly original?: unknown;
};
type Scene = { readonly title: string; readonly steps: readonly Step[] };

/** What is known of the original's messages and pages. */
export type ReplayOptions = {
  readonly relay: TestRelay;
  /** Where the relay is this system. */
  readonly prefix: string;
  /** Makes alike what is different each time, and what says the same. */
  readonly normal: (message: string) => string;
  /** Where a page is; left out: behind the prefix. */
  readonly placeOf?: (path: string) => string;
  /** Takes from a page what later steps name in braces. */
  readonly learn?: (answer: HttpAnswer, into: Map<string, string>) => void;
};

/** How many of each were replayed, and how many of them are different on purpose. */
export type ReplayCounts = {
  sent: number;
  heard: number;
  closes: number;
  pages: number;
  /** What the relay does otherwise, and what it does not do. */
  differing: number;
};

/** Reads scenes of a file beside the test. */
export function readScenes(url: URL): readonly Scene[] {
  return JSON.parse(readFileSync(url, "utf8")) as readonly Scene[];
}

/** Plays recorded conversations against a relay. */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #clients = new Map<string, PlainClient>();
  readonly #readCounts = new Map<PlainClient, number>();
  readonly #learned = new Map<string, string>();
  readonly counts: ReplayCounts = { sent: 0, heard: 0, closes: 0, pages: 0, differing: 0 };

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async play(scenes: readonly Scene[]): Promise<ReplayCounts> {
    for (const { title, steps } of scenes) {
      for (const [index, step] of steps.entries()) {
        await this.#play(step).catch((error: unknown) => {
          throw new Error(`${title}, step ${index}: ${JSON.stringify(step).slice(0, 500)}`, { cause: error });
        });
      }
    }
    return this.counts;
  }

  /** Nobody has heard what no step has. */
  expectAllHeard(): void {
    const unread = [...this.#clients].map(([who, client]) => [who, client.heard.slice(this.#readCounts.get(client))]);
    expect(unread.filter(([, messages]) => messages?.length !== 0)).toEqual([]);
  }

  async #play(step: Step): Promise<void> {
    if (step.differs !== undefined) this.counts.differing += 1;
    if (step.method !== undefined) await this.#page(step);
    else if (step.open !== undefined) await this.#open(step);
    else if (step.who !== undefined) await this.#act(this.#clientOf(step), step);
  }

  #clientOf({ who = "" }: Step): PlainClient {
    const client = this.#clients.get(who);
    if (client === undefined) throw new Error(`${who} was never opened`);
    return client;
  }

  async #page({ method = "", path = "", body = "", status, answer }: Step): Promise<void> {
    const { relay, prefix, placeOf = (place) => `${prefix}${place}`, learn } = this.#options;
    this.counts.pages += 1;
    // What closes one side is told to the relay a moment later than to the client.
    const claim = async (): Promise<void> => {
      const told = await post(relay, placeOf(path), { method, body });
      expect([path, told.status]).toEqual([path, status]);
      learn?.(told, this.#learned);
      if (answer !== undefined) expect(JSON.parse(told.body)).toEqual(shapeOf(answer));
    };
    await (method === "GET" ? eventually(claim) : claim());
  }

  async #open({ who = "", open = "", bearer, refused }: Step): Promise<void> {
    const { relay, prefix } = this.#options;
    const path = open.startsWith(prefix) ? open : `${prefix}${open}`;
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${this.#filled(bearer)}` };
    if (refused !== undefined) expect(await statusOfUpgrade(relay, path)).toBe(refused);
    else this.#clients.set(who, await PlainClient.open(relay, this.#filled(path), { headers }));
  }

  #filled(text: string): string {
    return text.replace(/\{([^}]*)\}/g, (_, name: string) => this.#learned.get(name) ?? `{${name}}`);
  }

  async #act(client: PlainClient, step: Step): Promise<void> {
    const { send, sendHex, hear, times = 0 } = step;
    const sent = sendHex === undefined ? send?.replace("<x>", "x".repeat(times)) : Buffer.from(sendHex, "hex");
    if (sent !== undefined) {
      this.counts.sent += 1;
      client.send(sent);
      await Promise.race([client.settled(), client.closed()]);
    } else if (hear !== undefined) await this.#hear(client, hear.replace("<x>", "x".repeat(times)));
    else if (step.quiet) {
      await client.settled();
      expect(client.heard.slice(this.#readCounts.get(client) ?? 0)).toEqual([]);
    } else if (step.ping) await client.settled();
    else if (step.close !== undefined) client.socket.close(step.close === 1005 ? undefined : step.close);
    else if (step.terminate) client.socket.terminate();
    else if (step.closed !== undefined) {
      this.counts.closes += 1;
      const { code, reason } = await client.closed();
      expect([code, reason]).toEqual([step.closed, step.reason ?? ""]);
    } else if (step.original === undefined) throw new Error(`no step: ${JSON.stringify(step)}`);
  }

  async #hear(client: PlainClient, expected: string): Promise<void> {
    const index = this.#readCounts.get(client) ?? 0;
    await eventually(() => expect(client.heard.length).toBeGreaterThan(index));
    expect(this.#options.normal(client.heard[index] ?? "")).toBe(this.#options.normal(expected));
    this.#readCounts.set(client, index + 1);
    this.counts.heard += 1;
  }
}

function shapeOf(value: Readonly<Record<string, unknown>>): unknown {
  const shape = Object.entries(value).map(([key, inner]) => [key, inner ?? expect.anything()]);
  return Object.fromEntries(shape) as unknown;
}
