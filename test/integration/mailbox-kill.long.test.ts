import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { numberIn } from "../../relay/store/sqlite-rows.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { Run } from "../support/process.ts";
import { mulberry32 } from "../support/seeded-random.ts";
import { frameOf, idNamed, readFrame } from "../support/vauchi-client.ts";

const DEPOSIT_COUNT = 10_000;
/** What a client has on its way at one time. */
const WINDOW = 64;
const OWNERS = 20;
/** Each is a start of the relay. */
const MAX_KILLS = 25;
/** Half a minute on a quiet machine, and more than a minute beside others. */
const PLAY_MS = 240_000;

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

it("loses nothing of 10,000 deposits that it has acknowledged, and doubles none, over kills of the relay", {
  timeout: PLAY_MS,
}, async () => {
  const directory = await storeDirectory();
  const random = mulberry32(4);
  const depositor = new Depositor();
  let kills = 0;

  while (depositor.acknowledged.size < DEPOSIT_COUNT) {
    const relay = new Run(["relay/main.ts", "serve", "--port", "0", "--host", "127.0.0.1"], {
      env: {
        TLS: "off",
        DIALECTS: "mailbox",
        MAILBOX_STORE: "sqlite",
        MAILBOX_DIRECTORY: directory,
        MAILBOX_MESSAGES_PER_MINUTE: "1000000",
      },
    });
    const [, port] = await relay.printed(/"port":(\d+),[^\n]*"msg":"listening"/);
    const before = depositor.acknowledged.size;
    const run = depositor.run(`ws://127.0.0.1:${port}`);
    // The last ones are let through.
    if (kills < MAX_KILLS) {
      while (depositor.acknowledged.size === before) await sleep(1);
      await sleep(random() * 100);
      relay.signal("SIGKILL");
      kills += 1;
    }
    await run;
    relay.signal("SIGKILL");
    await relay.exitCode();
  }

  const database = new DatabaseSync(placeOf(directory).file);
  const count = database.prepare("SELECT count(*) AS count FROM messages").get();
  database.close();
  expect(kills).toBeGreaterThan(5);
  expect(numberIn(count, "count")).toBe(DEPOSIT_COUNT);
});
