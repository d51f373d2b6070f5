import { parseObject } from "../../../protocol/json-message.ts";
import type { DepositBounds } from "../../../protocol/v1-mailbox-messages.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import { hashOfSecret, isSecretOf } from "../../store/owner-proof.ts";

const SPACE = "bounds";
const QUOTA = { maxCount: 100_000, maxBytes: 0 };
/** Mailboxes whose bounds, or that they have none, are remembered here: a deposit waits for the store once, and not twice. */
const MAX_REMEMBERED = 10_000;

/** As it is kept. Undefined: everybody may. */
type KeptBounds = { readonly depositors: readonly unknown[] | undefined; readonly secretHash: string | undefined };

/**
 * Who may deposit into a mailbox: what its owner has said, and the relay keeps. One object for all sessions, through which alone
 * bounds are changed: no other process has the store.
 */
export class DepositRules {
  readonly #mailboxes: Mailboxes;
  readonly #remembered = new Map<string, Promise<KeptBounds>>();

  constructor(mailboxes: Mailboxes) {
    this.#mailboxes = mailboxes;
  }

  /** Sets the bounds of a mailbox; with none, lifts them. @returns whether they are kept. @throws StoreError */
  async set(mailbox: string, { depositors, secret }: DepositBounds): Promise<boolean> {
    const secretHash = secret === undefined ? undefined : hashOfSecret(secret);
    const isKept = this.#keep(mailbox, { depositors, secretHash });
    // What comes behind is judged by them.
    void this.#remember(
      mailbox,
      isKept.then((kept) => (kept ? { depositors, secretHash } : this.#find(mailbox))),
    );
    return isKept;
  }

  /**
   * Whether a deposit may be made.
   * @param given.provedKeys of the connection that deposits. @throws StoreError
   */
  async allow(
    mailbox: string,
    given: { readonly secret: string | undefined; readonly provedKeys: Pick<ReadonlySet<string>, "has"> },
  ): Promise<boolean> {
    const { depositors, secretHash } = await (this.#remembered.get(mailbox) ??
      this.#remember(mailbox, this.#find(mailbox)));
    if (given.provedKeys.has(mailbox)) return true;
    if (depositors !== undefined && !depositors.some((key) => given.provedKeys.has(String(key)))) return false;
    return secretHash === undefined || (given.secret !== undefined && isSecretOf(given.secret, secretHash));
  }

  async #keep(mailbox: string, kept: KeptBounds): Promise<boolean> {
    const { store } = this.#mailboxes;
    const record = { space: SPACE, name: mailbox, owner: mailbox };
    if (kept.depositors === undefined && kept.secretHash === undefined) {
      await store.drop(record);
      return true;
    }
    const data = Uint8Array.from(new TextEncoder().encode(JSON.stringify(kept)));
    const nowMs = this.#mailboxes.nowMs();
    const put = { ...record, data, nowMs, expiresAtMs: Number.MAX_SAFE_INTEGER, quota: QUOTA };
    return (await store.put(put)) === "stored";
  }

  async #find(mailbox: string): Promise<KeptBounds> {
    const { store } = this.#mailboxes;
    const [record] = await store.find({ space: SPACE, names: [mailbox], nowMs: this.#mailboxes.nowMs() });
    const { depositors, secretHash } = (record && parseObject(new TextDecoder().decode(record.data))) ?? {};
    return {
      depositors: Array.isArray(depositors) ? depositors : undefined,
      secretHash: typeof secretHash === "string" ? secretHash : undefined,
    };
  }

  /** What could not be found out is asked for again. */
  #remember(mailbox: string, bounds: Promise<KeptBounds>): Promise<KeptBounds> {
    this.#remembered.set(mailbox, bounds);
    bounds.catch(() => {
      if (this.#remembered.get(mailbox) === bounds) this.#remembered.delete(mailbox);
    });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MAX_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    return bounds;
  }
}
