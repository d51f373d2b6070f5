import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { numberIn } from "../../relay/store/sqlite-rows.ts";
import { storeDirectory } from "./mailbox-store.ts";
import { Run } from "./process.ts";
import { mulberry32 } from "./seeded-random.ts";
import { frameOf, idNamed, readFrame } from "./vauchi-client.ts";

/** So many messages are deposited, whatever is killed. */
export const DEPOSIT_COUNT = 10_000;
/** What a client has on its way at one time. */
const WINDOW = 64;
const OWNERS = 20;

/** How often the relay is killed at most, and in which time after the first acknowledgement of its life. */
export type RelayKills = { readonly maxKills: number; readonly maxLifeMs: number };

/** What came of it: messages in the store, and how many different ones these are. */
export type DepositReport = { readonly kills: number; readonly storedCount: number; readonly idCount: number };

/** Who deposits: what has been acknowledged it does not send again, and everything else it does, under the same id. */
class Depositor {
  readonly acknowledged = new Set<string>();
  #doubtful: string[] = [];
  #next = 0;

  /** Deposits until all is acknowledged, or the relay is gone. */
  async run(url: string): Promise<void> {
    const socket = new WebSocket(url);
    const underWay = new Set<string>();
    const sendMore = (): void => {
      while (underWay.size < WINDOW) {
        const id = this.#doubtful.shift() ?? this.#fresh();
        if (id === undefined) break;
        underWay.add(id);
        const recipient_id = idNamed(`owner ${Number(id) % OWNERS}`);
        socket.send(frameOf({ type: "EncryptedUpdate", recipient_id, ciphertext: [1, 2, 3] }, id));
      }
      if (underWay.size === 0) socket.close(1000);
    };
    socket.on("open", () => socket.send(frameOf({ type: "Handshake", client_id: idNamed("sender") })));
    socket.on("message", (bytes: Buffer) => {
      const { payload } = readFrame(bytes);
      if (payload["status"] === "Stored") {
        const id = String(payload["message_id"]);
        this.acknowledged.add(id);
        underWay.delete(id);
      }
      sendMore();
    });
    socket.on("error", () => undefined);
    await new Promise((resolve) => {
      socket.on("close", resolve);
    });
    this.#doubtful.push(...underWay);
  }

  #fresh(): string | undefined {
    if (this.#next >= DEPOSIT_COUNT) return undefined;
    this.#next += 1;
    return `${this.#next}`;
  }
}

/** Kills a relay at random moments while messages are deposited, until it has acknowledged all of them. */
export async function killRelayDuringDeposits({ maxKills, maxLifeMs }: RelayKills): Promise<DepositReport> {
  const directory = await storeDirectory();
  const random = mulberry32(4);
  const depositor = new Depositor();
  let kills = 0;
  while (depositor.acknowledged.size < DEPOSIT_COUNT) {
    const relay = startRelay(directory);
    const [, port] = await relay.printed(/"port":(\d+),[^\n]*"msg":"listening"/);
    const before = depositor.acknowledged.size;
    const run = depositor.run(`ws://127.0.0.1:${port}`);
    // The last ones are let through.
    if (kills < maxKills) {
      while (depositor.acknowledged.size === before) await sleep(1);
      await sleep(random() * maxLifeMs);
      relay.signal("SIGKILL");
      kills += 1;
    }
    await run;
    relay.signal("SIGKILL");
    await relay.exitCode();
  }
  return { kills, ...countsIn(directory) };
}

function startRelay(directory: string): Run {
  return new Run(["relay/main.ts", "serve", "--port", "0", "--host", "127.0.0.1"], {
    env: {
      TLS: "off",
      DIALECTS: "mailbox",
      MAILBOX_STORE: "sqlite",
      MAILBOX_DIRECTORY: directory,
      MAILBOX_MESSAGES_PER_MINUTE: "1000000",
    },
  });
}

function countsIn(directory: string): { readonly storedCount: number; readonly idCount: number } {
  const database = new DatabaseSync(placeOf(directory).file);
  const row = database.prepare("SELECT count(*) AS stored, count(DISTINCT id) AS ids FROM messages").get();
  database.close();
  return { storedCount: numberIn(row, "stored"), idCount: numberIn(row, "ids") };
}
