import type { Logger } from "pino";
import type { RevokeOutcome } from "./admin/admin-pages.ts";
import type { AccountFigures } from "./admin/status-view.ts";
import type { Account, Accounts } from "./session/accounts.ts";

/** How many of the latest are shown. */
const SHOWN = 20;

/** What it uses. */
export type RegistrationsParts = {
  readonly log: Logger;
  readonly accounts: readonly Accounts[];
  readonly hash: (name: string) => string;
};

/** Who is registered with dialects, as an operator sees and ends it: by hash, because names are their clients' secrets. */
export class Registrations {
  readonly #parts: RegistrationsParts;

  constructor(parts: RegistrationsParts) {
    this.#parts = parts;
  }

  /** How many are registered. */
  get count(): number {
    return this.#parts.accounts.reduce((sum, of) => sum + of.count, 0);
  }

  /** Undefined where no dialect keeps accounts. */
  figures(): AccountFigures | undefined {
    const { accounts } = this.#parts;
    if (accounts.length === 0) return undefined;
    const latest = accounts.flatMap((of) =>
      latestOf(of).map(({ id, ...account }) => ({ ...account, kind: of.kind, hash: this.#hashOf(of.kind, id) })),
    );
    return {
      count: this.count,
      latest: latest.toSorted((a, b) => b.registeredAtMs - a.registeredAtMs).slice(0, SHOWN),
    };
  }

  /** Takes one back. @param account its hash, or its name. Never rejects. */
  async revoke(account: string): Promise<RevokeOutcome> {
    const { accounts, log } = this.#parts;
    const found = accounts.flatMap((of) => {
      const id = this.#find(of, account);
      return id === undefined ? [] : { of, id };
    });
    const [{ of, id } = { of: undefined, id: "" }] = found;
    if (of === undefined) return "no-such-account";
    log.warn({ kind: of.kind, account: this.#hashOf(of.kind, id) }, "registration revoked on the status page");
    try {
      await of.revoke(id);
      return "revoked";
    } catch {
      // Why it is not kept is in the log already.
      return "not-kept";
    }
  }

  #find(of: Accounts, account: string): string | undefined {
    for (const { id } of of.all()) if (id === account || this.#hashOf(of.kind, id) === account) return id;
    return undefined;
  }

  #hashOf(kind: string, id: string): string {
    return this.#parts.hash(`${kind} ${id}`);
  }
}

/** There may be a million: no copy of all of them. */
function latestOf(accounts: Accounts): readonly Account[] {
  const latest: Account[] = [];
  for (const account of accounts.all()) {
    latest.push(account);
    if (latest.length > SHOWN) latest.shift();
  }
  return latest;
}
