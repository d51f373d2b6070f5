import { parseObject } from "../../../protocol/json-message.ts";
import type { DepositBounds } from "../../../protocol/v1-mailbox-messages.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import { hashOfSecret, isSecretOf } from "../../store/owner-proof.ts";

const SPACE = "bounds";
const QUOTA = { maxCount: 100_000, maxBytes: 0 };

/** Who may deposit into a mailbox: what its owner has said, and the relay keeps. */
export class DepositRules {
  readonly #mailboxes: Mailboxes;

  constructor(mailboxes: Mailboxes) {
    this.#mailboxes = mailboxes;
  }

  /** Sets the bounds of a mailbox; with none, lifts them. @returns whether they are kept. @throws StoreError */
  async set(mailbox: string, { depositors, secret }: DepositBounds): Promise<boolean> {
    const { store } = this.#mailboxes;
    const record = { space: SPACE, name: mailbox, owner: mailbox };
    if (depositors === undefined && secret === undefined) {
      await store.drop(record);
      return true;
    }
    const kept = { depositors, secretHash: secret === undefined ? undefined : hashOfSecret(secret) };
    const data = Uint8Array.from(new TextEncoder().encode(JSON.stringify(kept)));
    const nowMs = this.#mailboxes.nowMs();
    return (
      (await store.put({ ...record, data, nowMs, expiresAtMs: Number.MAX_SAFE_INTEGER, quota: QUOTA })) === "stored"
    );
  }

  /**
   * Whether a deposit may be made.
   * @param given.provedKeys of the connection that deposits. @throws StoreError
   */
  async allow(
    mailbox: string,
    given: { readonly secret: string | undefined; readonly provedKeys: ReadonlySet<string> },
  ): Promise<boolean> {
    const { store } = this.#mailboxes;
    const [record] = await store.find({ space: SPACE, names: [mailbox], nowMs: this.#mailboxes.nowMs() });
    if (record === undefined || given.provedKeys.has(mailbox)) return true;
    const { depositors, secretHash } = parseObject(new TextDecoder().decode(record.data)) ?? {};
    if (Array.isArray(depositors) && !depositors.some((key) => given.provedKeys.has(String(key)))) return false;
    return typeof secretHash !== "string" || (given.secret !== undefined && isSecretOf(given.secret, secretHash));
  }
}
