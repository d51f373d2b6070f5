import type { Received } from "../support/client.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** What a client program tells; see programs/README.md. */
export type Told =
  | { readonly event: "open"; readonly subprotocol: string }
  | {
      readonly event: "text" | "binary";
      readonly byteCount: number;
      readonly byteSum: number;
      /** The message itself, unless it is large. */
      readonly bytes: Buffer | undefined;
    }
  | { readonly event: "closed"; readonly code: number; readonly reason: string }
  | {
      readonly event: "refused";
      /** As much as the library shows. */
      readonly status: number | undefined;
      readonly refusal: string | undefined;
      readonly error: string;
    };

/** How to dial. */
export type Dialling = {
  readonly subprotocols?: readonly string[];
  /** `Name: value`. */
  readonly header?: string;
};

const LAST_SHOWN = 20;

/** A client library that does what a test says: one connection at a time, of a program in whatever language. */
export class ClientProgram {
  readonly #write: (line: string) => void;
  readonly #told: Told[] = [];
  #lastLines: string[] = [];
  #wake: () => void = () => undefined;

  /** @param start starts the program, which gives its lines to what it is given. @returns what a line is written with. */
  constructor(start: (onLine: (line: string) => void) => (line: string) => void) {
    this.#write = start((line) => this.#take(line));
  }

  dial(url: string, { subprotocols = [], header = "" }: Dialling = {}): void {
    this.#write(`dial ${url} ${subprotocols.join(",") || "-"} ${encode(header)}`);
  }

  /** Dials and waits until there is a WebSocket. */
  async open(url: string, dialling: Dialling = {}): Promise<void> {
    this.dial(url, dialling);
    await this.#nextOf("open");
  }

  /** Sends an object as JSON, a string as text, bytes as a binary message. */
  send(message: object | string | Uint8Array): void {
    if (message instanceof Uint8Array) this.#write(`binary ${encode(message)}`);
    else this.#write(`text ${encode(typeof message === "string" ? message : JSON.stringify(message))}`);
  }

  close(code: number): void {
    this.#write(`close ${code}`);
  }

  /** What it tells next. @throws where nothing comes, with what the program printed. */
  async next(): Promise<Told> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const told = this.#told.shift();
      if (told !== undefined) return told;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`nothing came in ${PATIENCE_MS} ms, after\n${this.#lastLines.join("\n")}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, leftMs);
      });
    }
  }

  /** The next message, which has to be JSON in text. */
  async nextJson(): Promise<Received> {
    const { bytes } = await this.#nextOf("text");
    return JSON.parse(String(bytes)) as Received;
  }

  /** The code and reason of the close; what comes before it is passed over. */
  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    for (;;) {
      const told = await this.next();
      if (told.event === "closed") return { code: told.code, reason: told.reason };
      if (told.event === "refused") throw new Error(`refused: ${told.error}`);
    }
  }

  async #nextOf<E extends Told["event"]>(event: E): Promise<Told & { readonly event: E }> {
    const told = await this.next();
    if (told.event === event) return told as Told & { readonly event: E };
    throw new Error(`not ${event}, but ${JSON.stringify(told)}, after\n${this.#lastLines.join("\n")}`);
  }

  #take(line: string): void {
    this.#lastLines = [...this.#lastLines, line.slice(0, 500)].slice(-LAST_SHOWN);
    const told = toldBy(line);
    if (told === undefined) return;
    this.#told.push(told);
    this.#wake();
  }
}

/** What a line of a program tells; undefined where it is one of its complaints. */
function toldBy(line: string): Told | undefined {
  const [event, first = "-", second = "-", third = "-"] = line.split(" ");
  switch (event) {
    case "open":
      return { event, subprotocol: wordOf(first) ?? "" };
    case "text":
    case "binary":
      return {
        event,
        byteCount: Number(first),
        byteSum: Number(second),
        bytes: third === "-" ? undefined : Buffer.from(third, "base64"),
      };
    case "closed":
      return { event, code: Number(first), reason: decode(second) };
    case "refused": {
      const status = wordOf(first);
      return {
        event,
        status: status === undefined ? undefined : Number(status),
        refusal: wordOf(second),
        error: decode(third),
      };
    }
    default:
      return undefined;
  }
}

function wordOf(word: string): string | undefined {
  return word === "-" ? undefined : word;
}

function encode(data: string | Uint8Array): string {
  return Buffer.from(data).toString("base64") || "-";
}

function decode(word: string): string {
  return word === "-" ? "" : Buffer.from(word, "base64").toString();
}
