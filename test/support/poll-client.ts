import { randomBytes } from "node:crypto";
import { request as requestPlain } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { onTestFinished } from "vitest";
import { PATIENCE_MS } from "./patience.ts";
import { decodeFrames, encodeFrame, Opcode, type ServerFrame, wholeMessages } from "./raw-socket.ts";
import type { TestRelay } from "./relay.ts";

/** What a request of a long poll was answered. */
export type PollAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
};

/** A request as a test wants it. */
export type PollRequest = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Left out: a connection of its own. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
};

/** What a relay takes for a token. */
export function newPollToken(): string {
  return randomBytes(24).toString("base64url");
}

/** Sends one request of a long poll, right or wrong. Rejects where no whole answer comes. */
export function askPoll(
  relay: Pick<TestRelay, "port" | "certificate">,
  { method = "GET", path = "/", headers = {}, body, agent, signal }: PollRequest,
): Promise<PollAnswer> {
  const isTls = relay.certificate !== undefined;
  const options = {
    host: "127.0.0.1",
    servername: "localhost",
    port: relay.port,
    ca: relay.certificate,
    path,
    method,
    headers: {
      host: "localhost",
      ...headers,
      ...(body === undefined ? {} : { "content-length": String(body.length) }),
    },
    agent: agent ?? false,
    signal,
    timeout: PATIENCE_MS * 3,
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? requestTls : requestPlain)(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Text messages as one body of frames. */
export function framesOf(...messages: readonly (object | string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    messages.map((message) =>
      message instanceof Uint8Array
        ? encodeFrame({ payload: message, opcode: Opcode.binary })
        : encodeFrame({ payload: typeof message === "string" ? message : JSON.stringify(message) }),
    ),
  );
}

/** What opens a session that speaks v1. */
export const OPEN_V1: Readonly<Record<string, string>> = { "postern-subprotocol": "postern.v1" };

/** A client that polls over real HTTP, one request after the other, as exactly as a test says. */
export class PollClient {
  readonly token: string;
  readonly agent: Agent = new Agent({ keepAlive: true });
  readonly #relay: TestRelay;
  readonly #path: string;
  readonly #batches: Buffer[] = [];
  #uploadCount = 0;
  #readCount = 0;

  constructor(relay: TestRelay, { token = newPollToken(), path = "/" }: { token?: string; path?: string } = {}) {
    this.#relay = relay;
    this.token = token;
    this.#path = path;
    onTestFinished(() => this.agent.destroy());
  }

  /** Opens a session that speaks v1, with these messages. */
  static async openV1(relay: TestRelay, ...messages: readonly object[]): Promise<PollClient> {
    const client = new PollClient(relay);
    await client.send(...messages);
    return client;
  }

  /** How many batches it has. */
  get batchCount(): number {
    return this.#batches.length;
  }

  /** Uploads messages under the next number. @returns the verdict, or the status of the answer. */
  async send(...messages: readonly (object | string | Uint8Array)[]): Promise<string> {
    const number = this.#uploadCount;
    this.#uploadCount += 1;
    const { status, body } = await this.upload(number, framesOf(...messages));
    return status === 200 ? body.toString().trim() : String(status);
  }

  upload(number: number, body: Uint8Array, request: PollRequest = {}): Promise<PollAnswer> {
    return askPoll(this.#relay, {
      method: "POST",
      path: this.#path,
      agent: this.agent,
      body,
      ...request,
      headers: {
        "postern-session": this.token,
        "postern-number": String(number),
        "content-type": "application/octet-stream",
        ...OPEN_V1,
        ...request.headers,
      },
    });
  }

  poll(
    number: number,
    received: number,
    { waitSeconds = 20, ...request }: PollRequest & { waitSeconds?: number } = {},
  ): Promise<PollAnswer> {
    return askPoll(this.#relay, {
      path: this.#path,
      agent: this.agent,
      ...request,
      headers: {
        "postern-session": this.token,
        "postern-number": String(number),
        "postern-received": String(received),
        "postern-wait": String(waitSeconds),
        ...request.headers,
      },
    });
  }

  /** Polls for what comes next. @returns its status; a batch is kept. */
  async pollNext(): Promise<number> {
    const { status, body } = await this.poll(this.#batches.length, this.#batches.length);
    if (status === 200 && body.length > 0) this.#batches.push(body);
    return status;
  }

  /** All frames so far. */
  frames(): readonly ServerFrame[] {
    return decodeFrames(Buffer.concat(this.#batches));
  }

  /** The next message that has not been asked for; polls for it where it has to. */
  async next(): Promise<Record<string, unknown>> {
    for (;;) {
      const message = wholeMessages([...this.frames()]).filter(({ opcode }) => opcode <= Opcode.binary)[
        this.#readCount
      ];
      if (message !== undefined) {
        this.#readCount += 1;
        return JSON.parse(message.payload.toString()) as Record<string, unknown>;
      }
      const status = await this.pollNext();
      if (status !== 200) throw new Error(`the poll got ${status}`);
    }
  }
}
