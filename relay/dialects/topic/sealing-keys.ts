import { parseObject } from "../../../protocol/json-message.ts";
import type { MailboxKey } from "../../../protocol/v1-mailbox-messages.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";

const SPACE = "sealing-keys";
const QUOTA = { maxCount: 100_000, maxBytes: 0 };

/** To which keys deposits are to be sealed: what owners have published. A key is kept as long as a message, from the last time on. */
export class SealingKeys {
  readonly #mailboxes: Mailboxes;

  constructor(mailboxes: Mailboxes) {
    this.#mailboxes = mailboxes;
  }

  /** Keeps the key of a mailbox in place of an earlier one. @returns whether there was room. @throws StoreError */
  async keep(mailbox: string, { key, signature }: MailboxKey): Promise<boolean> {
    const data = Uint8Array.from(new TextEncoder().encode(JSON.stringify({ key, signature })));
    const nowMs = this.#mailboxes.nowMs();
    const expiresAtMs = nowMs + this.#mailboxes.ttlMs;
    const record = { space: SPACE, name: mailbox, owner: mailbox, data, nowMs, expiresAtMs, quota: QUOTA };
    return (await this.#mailboxes.store.put(record)) === "stored";
  }

  /** @returns undefined: none was published. @throws StoreError */
  async find(mailbox: string): Promise<MailboxKey | undefined> {
    const nowMs = this.#mailboxes.nowMs();
    const [record] = await this.#mailboxes.store.find({ space: SPACE, names: [mailbox], nowMs });
    const { key, signature } = (record && parseObject(new TextDecoder().decode(record.data))) ?? {};
    return typeof key === "string" && typeof signature === "string" ? { key, signature } : undefined;
  }
}
