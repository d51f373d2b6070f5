import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CHROMIUM, CHROMIUM_FLAGS } from "../support/browser.ts";
import { LineProcess } from "../support/line-process.ts";
import type { ClientEvent, Plan } from "./plan.ts";

/** The kinds of client programs. */
export const kinds = ["ws", "python", "browser"] as const;
export type Kind = (typeof kinds)[number];

/** Debian's: what a virtual environment has in its place lacks Debian's packages. */
const PYTHON = "/usr/bin/python3";

const CLIENTS = join(import.meta.dirname, "clients");
const PAGE_FLAGS = [
  "--enable-logging=stderr",
  // A page of a file asks for permission to dial private addresses.
  "--disable-features=LocalNetworkAccessChecks",
];

/** An event, and when the test heard of it (performance.now). */
export type Heard = ClientEvent & { readonly atMs: number };

/** A program with some connections: `ws`, Python's websockets or a browser. */
export class LineClient {
  readonly events: Heard[] = [];
  readonly process: LineProcess;
  /** Told of each event at once. */
  onEvent: (heard: Heard) => void = () => undefined;
  #wake: (() => void) | undefined;

  constructor(kind: Kind, namespace: string, plans: readonly Plan[]) {
    this.process = LineProcess.inNamespace(namespace, commandOf(kind, plans), (line) => this.#take(line));
    if (kind !== "browser") this.process.write(JSON.stringify(plans));
  }

  /** Lets a sender begin that waits to be told. */
  tell(name: string): void {
    this.process.write(name);
  }

  /** The events of one connection. */
  of<E extends ClientEvent["event"]>(name: string, event: E): (Heard & { readonly event: E })[] {
    return this.events.filter(
      (heard): heard is Heard & { readonly event: E } => heard.name === name && heard.event === event,
    );
  }

  /** Waits until a claim holds. @throws with what the program printed. */
  async until(claim: () => boolean, withinMs: number, what: string): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (!claim()) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`not in ${withinMs} ms: ${what}\n${this.process.printed}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, Math.min(leftMs, 500));
      });
    }
  }

  /** Waits until so many topics have been joined, by all connections together. */
  async joined(count: number, withinMs = 60_000): Promise<void> {
    await this.until(
      () => this.events.filter(({ event }) => event === "joined").length >= count,
      withinMs,
      `${count} joins`,
    );
  }

  #take(line: string): void {
    const text = line.startsWith("{") ? line : decoded(/EVENT (\S+) END/.exec(line)?.[1]);
    if (text === undefined) return;
    const heard = { ...(JSON.parse(text) as ClientEvent), atMs: performance.now() };
    this.events.push(heard);
    this.onEvent(heard);
    this.#wake?.();
  }
}

function decoded(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, "base64").toString();
}

function commandOf(kind: Kind, plans: readonly Plan[]): readonly string[] {
  switch (kind) {
    case "ws":
      return [process.execPath, join(CLIENTS, "ws-client.ts")];
    case "python":
      return [PYTHON, join(CLIENTS, "python-client.py")];
    case "browser": {
      const folder = mkdtempSync(join(tmpdir(), "postern-lines-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));
      const page = join(folder, "page.html");
      const script = readFileSync(join(CLIENTS, "browser-client.js"), "utf8");
      writeFileSync(
        page,
        `<!doctype html><title>client</title><script>const PLANS = ${JSON.stringify(plans)};\n${script}</script>`,
      );
      return [CHROMIUM, ...CHROMIUM_FLAGS, ...PAGE_FLAGS, `--user-data-dir=${folder}/profile`, `file://${page}`];
    }
  }
}
