import { once } from "node:events";
import { connect as connectTcp, createServer, type Server, type Socket as TcpSocket } from "node:net";
import { onTestFinished } from "vitest";
import { systemClock } from "../../client/clock.ts";
import type { PosternError } from "../../client/errors.ts";
import { Line, type LineOptions, type LineParts } from "../../client/line/line.ts";
import type { LineJoined, LineMember, TopicLine, TopicLineOptions } from "../../client/line/topic-line.ts";
import type { RelayState } from "../../client/relay.ts";
import { eventually } from "./eventually.ts";
import { testDial } from "./node-dial.ts";
import type { TestRelay } from "./relay.ts";

/** What a topic has told, oldest first. */
type Told =
  | { readonly type: "joined"; readonly joined: LineJoined }
  | { readonly type: "down" }
  | { readonly type: "writable" }
  | { readonly type: "peer-joined"; readonly member: LineMember }
  | { readonly type: "peer-left"; readonly member: LineMember }
  | {
      readonly type: "data";
      readonly peerHandle: number;
      readonly payload: Uint8Array | string;
      readonly isAddressed: boolean;
    }
  | { readonly type: "presence"; readonly peerHandle: number; readonly presence: string }
  | { readonly type: "omitted"; readonly count: number; readonly sizeBytes: number }
  | { readonly type: "congestion"; readonly to: number | undefined; readonly isCongested: boolean }
  | { readonly type: "ended"; readonly error: PosternError };

/** A topic on a line, with what it has told. */
export class TestTopic {
  readonly told: Told[] = [];
  readonly line: TopicLine;

  constructor(line: Line, topic: string, options: TopicLineOptions) {
    const tell = (told: Told): void => void this.told.push(told);
    this.line = line.open(topic, options, {
      onJoined: (joined) => tell({ type: "joined", joined }),
      onDown: () => tell({ type: "down" }),
      onPeerJoined: (member) => tell({ type: "peer-joined", member }),
      onPeerLeft: (member) => tell({ type: "peer-left", member }),
      onPresence: (shown) => tell({ type: "presence", ...shown }),
      onData: (data) => tell({ type: "data", ...data }),
      onOmitted: ({ count, sizeBytes }) => tell({ type: "omitted", count, sizeBytes }),
      onCongestion: (congestion) => tell({ type: "congestion", ...congestion }),
      onWritable: () => tell({ type: "writable" }),
      onEnded: (error) => tell({ type: "ended", error }),
    });
  }

  /** What was told of these types. */
  of<Type extends Told["type"]>(type: Type): Extract<Told, { type: Type }>[] {
    return this.told.filter((told): told is Extract<Told, { type: Type }> => told.type === type);
  }

  /** The last membership; throws where there was none. */
  get joined(): LineJoined {
    const last = this.of("joined").at(-1);
    if (last === undefined) throw new Error("it has not joined");
    return last.joined;
  }

  /** The text of all data so far. */
  get texts(): string[] {
    return this.of("data").map(({ payload }) =>
      typeof payload === "string" ? payload : Buffer.from(payload).toString(),
    );
  }

  /** Waits until it has joined so many times. */
  async hasJoined(count = 1): Promise<LineJoined> {
    await eventually(() => {
      if (this.of("joined").length < count) throw new Error(`joined ${this.of("joined").length} times, not ${count}`);
    });
    return this.joined;
  }
}

/** A line with what it has told. */
export class TestLine {
  readonly states: RelayState[] = [];
  readonly errors: PosternError[] = [];
  readonly line: Line;
  #nameCount = 0;

  constructor(address: string, parts: Partial<LineParts> = {}, options: Partial<LineOptions> = {}) {
    this.line = new Line(
      { clock: systemClock, random: Math.random, dial: testDial(), ...parts },
      { address, reconnect: { minDelayMs: 20, maxDelayMs: 500 }, connectTimeoutMs: 5000, ...options },
      {
        onState: (state) => this.states.push(state),
        onError: (error) => this.errors.push(error),
        onRestarting: () => undefined,
      },
    );
    onTestFinished(() => this.line.close());
  }

  /** Dials a relay of the tests over TLS. */
  static to(relay: TestRelay, options: Partial<LineOptions> = {}, port: number = relay.port): TestLine {
    const scheme = relay.certificate === undefined ? "ws" : "wss";
    return new TestLine(
      `${scheme}://localhost:${port}`,
      { dial: testDial({ tls: { ca: relay.certificate } }) },
      options,
    );
  }

  /** Joins under a new name each time. */
  open(topic: string, peerId?: () => string | undefined, presence?: () => string | undefined): TestTopic {
    const name = (): string => `${topic}-${(this.#nameCount += 1)}-${Math.random().toString(36).slice(2)}`;
    return new TestTopic(this.line, topic, { peerId: peerId ?? name, presence });
  }
}

/** A way to a port of loopback that can be cut, or stop forwarding. */
export class Way {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [TcpSocket, TcpSocket]>();
  #farPort: number;
  #isBlocked = false;
  acceptedCount = 0;

  private constructor(server: Server, farPort: number) {
    this.#server = server;
    this.#farPort = farPort;
  }

  static async to(firstPort: number): Promise<Way> {
    const server = createServer((near) => {
      way.acceptedCount += 1;
      const far = connectTcp(way.#farPort, "127.0.0.1");
      const pair = [near, far] as const;
      way.#pairs.add(pair);
      for (const [from, into] of [pair, [far, near] as const]) {
        from.on("data", (chunk: Buffer) => !way.#isBlocked && into.write(chunk));
        from.on("error", () => undefined);
        from.on("close", () => {
          way.#pairs.delete(pair);
          if (!way.#isBlocked) into.destroy();
        });
      }
    });
    const way = new Way(server, firstPort);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      way.cut();
      server.close();
    });
    return way;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** New connections go to this port from now on. */
  lead(port: number): void {
    this.#farPort = port;
  }

  /** Nothing gets through from now on, in connections of before and later ones; no end is told. */
  block(): void {
    this.#isBlocked = true;
  }

  /** New connections get through again. */
  unblock(): void {
    this.cut();
    this.#isBlocked = false;
  }

  /** Ends what is open towards the client alone: the relay hears nothing of it. */
  sever(): void {
    for (const [near] of this.#pairs) {
      near.removeAllListeners("close");
      near.destroy();
    }
  }

  /** Ends what is open. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }
}
