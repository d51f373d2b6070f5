import { expect, it } from "vitest";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { eventually } from "../support/eventually.ts";
import { depositOf, sqliteStore, storeDirectory } from "../support/mailbox-store.ts";
import { startRelay } from "../support/relay.ts";
import { idNamed, VauchiClient } from "../support/vauchi-client.ts";

const MESSAGE_COUNT = 100_000;
const MEBIBYTE = 1_048_576;

it("gives a mailbox of 100,000 messages to a reader that stands still in between, in bounded memory, while others are served", async () => {
  const directory = await storeDirectory();
  const filling = sqliteStore(directory);
  await filling.open();
  const mailbox = `blobs/${idNamed("owner")}`;
  const expiresAtMs = Number.MAX_SAFE_INTEGER;
  for (let index = 0; index < MESSAGE_COUNT; index += 1) {
    const deposited = filling.deposit(
      depositOf("x", { mailbox, id: `${index}`, data: new Uint8Array(200), expiresAtMs }),
    );
    if (index % 1000 === 999) await deposited;
  }
  await filling.close();
  const relay = await startRelay({
    dialects: ["mailbox"],
    mailboxStore: "sqlite",
    mailboxDirectory: directory,
    mailboxMaxMessagesPerMailbox: 0,
    adminToken: ADMIN_TOKEN,
  });
  const waitingBytes = async (): Promise<number> =>
    Number(/^relay_outbox_bytes (\d+)$/m.exec((await askAsAdmin(relay, "/metrics")).body)?.[1]);
  const slow = await VauchiClient.open(relay);
  let count = 0;
  slow.socket.removeAllListeners("message");
  slow.socket.on("message", () => {
    count += 1;
  });
  slow.send({ type: "Handshake", client_id: idNamed("owner") });
  await eventually(() => expect(count).toBeGreaterThan(100));
  slow.socket.pause();
  const other = await VauchiClient.meet(relay, "other");
  for (let index = 0; index < 20; index += 1)
    expect(await other.acknowledged(other.deposit("friend", [index]))).toBe("Stored");
  expect(await waitingBytes()).toBeLessThan(MEBIBYTE);

  slow.socket.resume();

  await eventually(() => expect(count).toBe(MESSAGE_COUNT + 1));
});
