import HyperDHT from "hyperdht";
import { RelayDHT, type RelayDHTOptions } from "../../client/node-hyperswarm.ts";
import { median } from "../bench/report/statistics.ts";
import type { KillTestContestant } from "../kill-test/contestant.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";

/** Nobody listens on the port of discard. */
const NOWHERE = { host: "127.0.0.1", port: 9 };
/** After so long without an answer UDP is taken as blocked, as docs/hyperswarm.md says; and a little more. */
const JUDGED_MS = 3500;
const TOPIC = Buffer.alloc(32, "client-cost");
const BYTE = Buffer.of(1);

/** What H3 measures. */
export type FirstByteOptions = {
  readonly rounds: number;
  /** Between the two peers, there and back, by the relay. */
  readonly roundTripMs: number;
};

/** With 100 ms between the peers. */
export const USUAL_FIRST_BYTE: FirstByteOptions = { rounds: 5, roundTripMs: 100 };

/** From the dial until a byte of the dialling app has come to the other one; medians of the rounds, in ms. */
export type FirstByte = {
  /** The dialling peer has begun with nothing: no connection to its relay. Its TCP handshake is not delayed. */
  readonly coldMs: number;
  /** It has looked up a topic that this peer announces, as swarms do, and so is connected with its relay. */
  readonly warmMs: number;
};

/** H3: how soon the first byte arrives where UDP is blocked for both, and both have a HyperDHT. */
export async function measureFirstByte(relay: KillTestContestant, options: FirstByteOptions): Promise<FirstByte> {
  const rounds: FirstByte[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    rounds.push(await onStage(relay, 2, measureOnce, { delayMs: options.roundTripMs / 4 }));
  }
  return {
    coldMs: median(rounds.map(({ coldMs }) => coldMs)),
    warmMs: median(rounds.map(({ warmMs }) => warmMs)),
  };
}

/** Each peer is half of the way from the relay. */
async function measureOnce({ proxy, ca }: Stage): Promise<FirstByte> {
  const optionsOf = (member: number): RelayDHTOptions => ({
    relays: `wss://127.0.0.1:${proxy.port(member)}`,
    tls: { ca },
    dht: new HyperDHT({ bootstrap: [NOWHERE], host: NOWHERE.host }),
  });
  const listening = new Listening(optionsOf(0));
  try {
    await listening.begin();
    const options = optionsOf(1);
    // UDP is judged before; the relay is not.
    await new Promise((resolve) => setTimeout(resolve, JUDGED_MS));
    const beganAtMs = performance.now();
    const dialling = new RelayDHT(options);
    try {
      const coldMs = (await listening.firstByteFrom(dialling)) - beganAtMs;
      await listening.isFoundBy(dialling);
      const againAtMs = performance.now();
      return { coldMs, warmMs: (await listening.firstByteFrom(dialling)) - againAtMs };
    } finally {
      await dialling.destroy();
    }
  } finally {
    await listening.end();
  }
}

/** The peer that is dialled. */
class Listening {
  readonly #dht: RelayDHT;
  #arrival = Promise.withResolvers<number>();

  constructor(options: RelayDHTOptions) {
    this.#dht = new RelayDHT(options);
  }

  async begin(): Promise<void> {
    const server = this.#dht.createServer((connection) => {
      connection.on("error", () => undefined);
      connection.on("data", () => this.#arrival.resolve(performance.now()));
    });
    await server.listen();
    await this.#dht.announce(TOPIC, this.#dht.defaultKeyPair).finished();
  }

  /** Looks until it is found in the topic, which the dialling peer stays in. */
  async isFoundBy(dialling: RelayDHT): Promise<void> {
    const key = Buffer.from(this.#dht.defaultKeyPair.publicKey);
    for (;;) {
      for await (const { peers } of dialling.lookup(TOPIC)) {
        if (peers.some(({ publicKey }) => key.equals(publicKey))) return;
      }
    }
  }

  /** Dials it, and ends that when it has arrived. @returns when its byte has come, by the clock of `performance` */
  async firstByteFrom(dialling: RelayDHT): Promise<number> {
    this.#arrival = Promise.withResolvers();
    const connection = dialling.connect(this.#dht.defaultKeyPair.publicKey);
    connection.on("error", (error) => this.#arrival.reject(error));
    connection.write(BYTE);
    const arrivedAtMs = await this.#arrival.promise;
    const closed = new Promise<void>((resolve) => connection.on("close", () => resolve()));
    connection.destroy();
    await closed;
    return arrivedAtMs;
  }

  end(): Promise<void> {
    return this.#dht.destroy();
  }
}
