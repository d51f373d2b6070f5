import { once } from "node:events";
import { WebSocket } from "ws";

/** A relay over TLS on loopback whose certificate nobody has to trust. */
export type SoakedRelay = { readonly port: number };

type Data = { readonly type: string; readonly data?: string };

/** Opens a client that has asked to join. */
export async function join(
  { port }: SoakedRelay,
  topic: string,
  subprotocols: readonly string[] = [],
): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, [...subprotocols], { rejectUnauthorized: false });
  // What goes wrong shows in what does not arrive.
  socket.on("error", () => undefined);
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "join", topic }));
  return socket;
}

/** A sender of numbers and its readers, of both kinds of client, who stay for the whole soak and may miss nothing. */
export class SteadyTopic {
  sentCount = 0;
  /** What came otherwise than in its turn, in words; the first few. */
  readonly faults: string[] = [];
  readonly #readCounts: number[] = [];
  readonly #sender: WebSocket;

  private constructor(sender: WebSocket) {
    this.#sender = sender;
  }

  static async open(relay: SoakedRelay, topic: string): Promise<SteadyTopic> {
    const readers = [await join(relay, topic), await join(relay, topic, ["postern.v1"])];
    const steady = new SteadyTopic(await join(relay, topic));
    for (const [index, reader] of readers.entries()) steady.#follow(index, reader);
    steady.#sender.on("close", (code) => steady.#fault(`the sender was closed with ${code}`));
    return steady;
  }

  /** Sends the next number to those in the topic. */
  send(): void {
    this.#sender.send(JSON.stringify({ type: "data", data: `${this.sentCount}` }));
    this.sentCount += 1;
  }

  /** Whether every reader has read every number. */
  get isRead(): boolean {
    return this.#readCounts.every((count) => count === this.sentCount);
  }

  #follow(index: number, reader: WebSocket): void {
    this.#readCounts[index] = 0;
    reader.on("message", (bytes: Buffer) => {
      const { type, data } = JSON.parse(bytes.toString()) as Data;
      if (type !== "data") return;
      const wanted = this.#readCounts[index] ?? 0;
      if (data !== `${wanted}`) this.#fault(`reader ${index} got ${data} in place of ${wanted}`);
      this.#readCounts[index] = wanted + 1;
    });
    reader.on("close", (code) => this.#fault(`reader ${index} was closed with ${code}`));
  }

  #fault(text: string): void {
    if (this.faults.length < 10) this.faults.push(text);
  }
}
