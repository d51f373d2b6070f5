import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { newKeyPair } from "../../client/identity/key-pair.ts";
import { mailboxesOf } from "../../client/mailbox.ts";
import { connect } from "../../client/node.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { Run } from "../support/process.ts";
import { mulberry32 } from "../support/seeded-random.ts";

const MESSAGE_COUNT = 1500;
const KILL_COUNT = 8;
/** Deposits that do not wait for each other. */
const AT_ONCE = 20;

/** A relay in a process of its own. @param port 0: any. */
async function startProcess(directory: string, port: number): Promise<{ readonly run: Run; readonly port: number }> {
  const run = new Run(["relay/main.ts", "serve", "--port", `${port}`, "--host", "127.0.0.1"], {
    env: { TLS: "off", MAILBOX_STORE: "sqlite", MAILBOX_DIRECTORY: directory, MAILBOX_MAX_MESSAGES_PER_MAILBOX: "0" },
  });
  const [, printed] = await run.printed(/"port":(\d+),[^\n]*"msg":"listening"/);
  return { run, port: Number(printed) };
}

it("loses and doubles nothing between two ends over kills of the relay, while the owner deletes what it has", {
  timeout: 240_000,
}, async () => {
  const directory = await storeDirectory();
  const random = mulberry32(27);
  let relay = await startProcess(directory, 0);
  const address = `ws://127.0.0.1:${relay.port}`;
  const reconnect = { minDelayMs: 20, maxDelayMs: 200 };
  const [ownEnd, otherEnd] = [connect(address, { reconnect }), connect(address, { reconnect })];
  for (const end of [ownEnd, otherEnd]) onTestFinished(() => end.close());
  const owner = await newKeyPair();
  const mailbox = await mailboxesOf(ownEnd).open(owner);
  const received: number[] = [];
  const reading = (async () => {
    for await (const message of mailbox.messages()) {
      received.push(Number(message.text));
      await mailbox.delete(message);
      if (received.length === MESSAGE_COUNT) return;
    }
  })();
  let nextNumber = 0;
  const deposit = async (): Promise<void> => {
    while (nextNumber < MESSAGE_COUNT) {
      nextNumber += 1;
      await mailboxesOf(otherEnd).deposit(owner.publicKey, `${nextNumber}`);
    }
  };
  const depositing = Promise.all(Array.from({ length: AT_ONCE }, deposit));

  for (let kills = 0; kills < KILL_COUNT; kills += 1) {
    const before = received.length;
    while (received.length < Math.min(before + 20, MESSAGE_COUNT)) await sleep(1);
    await sleep(random() * 50);
    relay.run.signal("SIGKILL");
    await relay.run.exitCode();
    relay = await startProcess(directory, relay.port);
  }
  // The kills came in the middle.
  expect(received.length).toBeLessThan(MESSAGE_COUNT);
  await depositing;
  await reading;

  const expected = Array.from({ length: MESSAGE_COUNT }, (_, index) => index + 1);
  expect(received.toSorted((a, b) => a - b)).toEqual(expected);
  await mailbox.close();
  const again = await mailboxesOf(ownEnd).open(owner);
  expect(await again.messages({ live: false }).next()).toEqual({ done: true, value: undefined });
});
