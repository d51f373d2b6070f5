import { type Kind, kinds, LineClient } from "./line-client.ts";
import { LineRelay } from "./line-relay.ts";
import type { Plan } from "./plan.ts";
import type { Line, ShapedNetwork } from "./shaped-network.ts";

/** One reader on a line of its own, and who sends to it from beside the relay. */
export type Row = {
  readonly name: string;
  readonly kind: Kind;
  readonly line: Line;
  readonly relay: LineRelay;
  readonly reader: Plan;
  readonly sender: Plan;
};

/** What a row is made of. */
export type RowWish = {
  readonly name: string;
  readonly kind: Kind;
  readonly bitsPerSecond: number;
  /** Of each message to it. */
  readonly messageBytes: number;
  readonly relay: LineRelay;
  /** Left out: its sender never stops. */
  readonly count?: number;
  readonly form?: Plan["form"];
  readonly reader?: Partial<Plan>;
};

const FORMS: Readonly<Record<Kind, Plan["form"]>> = { ws: "binary", python: "classic", browser: "json" };

/** A row of a topic of its own. */
export function rowOf(
  network: ShapedNetwork,
  { name, kind, bitsPerSecond, messageBytes, relay, count = 0, form, reader }: RowWish,
): Row {
  const line = network.line(bitsPerSecond);
  const topic = `topic of ${name}`;
  return {
    name,
    kind,
    line,
    relay,
    reader: { name, url: relay.url(line.relayAddress), form: form ?? FORMS[kind], topics: [topic], ...reader },
    sender: {
      name: `sender to ${name}`,
      url: relay.url("127.0.0.1"),
      form: "binary",
      topics: [topic],
      send: { topic, sizeBytes: messageBytes, count, begins: "when-told" },
    },
  };
}

/** The readers of some rows, and who sends to them. */
export class Rows {
  readonly rows: readonly Row[];
  readonly readers: ReadonlyMap<Kind, LineClient>;
  readonly senders: LineClient;

  readonly #leftAtMs = new Map<string, number>();

  constructor(network: ShapedNetwork, rows: readonly Row[]) {
    this.rows = rows;
    this.senders = new LineClient(
      "ws",
      network.relaySide,
      rows.map(({ sender }) => sender),
    );
    this.senders.onEvent = (heard) => {
      const row = heard.event === "peer-left" ? rows.find(({ name }) => name === heard.peerId) : undefined;
      if (row !== undefined && !this.#leftAtMs.has(row.name)) this.#leftAtMs.set(row.name, row.relay.ownMs);
    };
    const present = kinds.filter((kind) => rows.some((row) => row.kind === kind));
    this.readers = new Map(
      present.map((kind) => {
        const plans = rows.filter((row) => row.kind === kind).map(({ reader }) => reader);
        return [kind, new LineClient(kind, network.clientSide, plans)];
      }),
    );
  }

  async joined(): Promise<void> {
    await this.senders.joined(this.rows.length);
    await Promise.all(
      [...this.readers].map(([kind, client]) =>
        // A page has no word for a join of the original's protocol having been taken; its rows speak v1.
        client.joined(
          this.rows.filter((row) => row.kind === kind).reduce((sum, row) => sum + row.reader.topics.length, 0),
        ),
      ),
    );
  }

  readerOf({ kind }: Row): LineClient {
    const client = this.readers.get(kind);
    if (client === undefined) throw new Error(`no reader of ${kind}`);
    return client;
  }

  stop(): void {
    for (const client of this.readers.values()) client.process.signal("SIGSTOP");
  }

  send(): void {
    this.senders.tell("all");
  }

  /** How long after that it left, as its sender was told, by the relay's own time; Infinity: it has not. */
  leftAfterMs(row: Row, since: ReadonlyMap<LineRelay, number>): number {
    return (this.#leftAtMs.get(row.name) ?? Number.POSITIVE_INFINITY) - (since.get(row.relay) ?? Number.NaN);
  }

  /** How the relay closed it; undefined while it is open. */
  closeCodeOf(row: Row): number | undefined {
    return row.relay.closes.find(({ clientAddress }) => clientAddress === row.line.clientAddress)?.closeCode;
  }

  bytesOf(row: Row): number {
    return this.readerOf(row)
      .of(row.name, "message")
      .reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** By the own time of each relay. */
  now(): ReadonlyMap<LineRelay, number> {
    return new Map(this.rows.map(({ relay }) => [relay, relay.ownMs]));
  }

  /** How its connection ended, as it tells itself. */
  ownWord(row: Row): string {
    const [closed] = this.readerOf(row).of(row.name, "closed");
    return closed === undefined ? "open" : `${closed.code} ${closed.reason}`;
  }

  /** Whether it is still a member, and its connection open. */
  isThere(row: Row): boolean {
    return !this.#leftAtMs.has(row.name) && this.closeCodeOf(row) === undefined;
  }

  /** Waits until all are closed, or for so long. */
  async allClosed(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (performance.now() < deadlineMs && this.rows.some((row) => this.closeCodeOf(row) === undefined))
      await sleep(100);
  }
}

/** Both kinds of relay, in the network's namespace. */
export async function startRelays(
  network: ShapedNetwork,
): Promise<{ readonly plain: LineRelay; readonly tls: LineRelay }> {
  const [plain, tls] = await Promise.all([
    LineRelay.start(network.relaySide, 8080, ["--tls", "off"]),
    LineRelay.start(network.relaySide, 8443, ["--tls", "self-signed"]),
  ]);
  return { plain, tls };
}

/** What these relays are. */
export type Relays = Awaited<ReturnType<typeof startRelays>>;

export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}

/** Measured values are part of what these tests give. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function seconds(durationMs: number | undefined): string {
  return durationMs === undefined || !Number.isFinite(durationMs) ? "never" : `${(durationMs / 1000).toFixed(1)} s`;
}
