import { expect } from "vitest";
import { CloseCode } from "../../protocol/close-codes.ts";
import { SUBPROTOCOL_V1, TOKEN_SUBPROTOCOL_PREFIX } from "../../protocol/subprotocol.ts";
import type { Config } from "../../relay/config/options.ts";
import { Client } from "../support/client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";
import type { ClientProgram, Told } from "./client-program.ts";
import type { ClientRow } from "./rows.ts";

/** Why an upgrade is refused, and what the answer says. */
type Refusal = {
  readonly status: number;
  readonly refusal: string;
  /** The close that stands for the status where the upgrade has an `Origin`; none: the status has to do there too. */
  readonly closeCode?: number;
  readonly options?: () => Partial<Config> | Promise<Partial<Config>>;
  readonly path?: string;
  /** What comes before: a connection that takes the last place. */
  readonly before?: (relay: TestRelay) => Promise<unknown>;
  readonly presents?: () => Promise<string>;
  /** Whether those alone are refused whose upgrades have an `Origin`. */
  readonly isForOrigins?: true;
};

const refusals: readonly Refusal[] = [
  {
    status: 401,
    refusal: "expired",
    closeCode: CloseCode.grantExpired,
    options: () => tokenOptions(),
    presents: () => token({ claims: { exp: 1_700_000_000 } }),
  },
  {
    status: 403,
    refusal: "address",
    closeCode: CloseCode.policyViolation,
    options: () => ({ ipAllow: ["192.0.2.0/24"] }),
  },
  { status: 404, refusal: "no-such-path", path: "/elsewhere" },
  {
    status: 429,
    refusal: "address-connections",
    closeCode: CloseCode.tryAgainLater,
    options: () => ({ maxConnectionsPerIp: 1 }),
    before: (relay) => Client.openV1(relay),
  },
  {
    status: 503,
    refusal: "max-connections",
    closeCode: CloseCode.tryAgainLater,
    options: () => ({ maxConnections: 1 }),
    before: (relay) => Client.openV1(relay),
  },
  {
    status: 403,
    refusal: "origin",
    closeCode: CloseCode.policyViolation,
    options: () => ({ allowedOrigins: ["https://example.com"] }),
    isForOrigins: true,
  },
];

/** Has an upgrade refused for each reason, and looks at what the library shows an app of it. */
export async function isRefused(client: ClientProgram, row: ClientRow): Promise<void> {
  for (const refusal of refusals) {
    const relay = await startRelay(await refusal.options?.());
    await refusal.before?.(relay);
    const credential = await refusal.presents?.();
    client.dial(`${relay.url}${refusal.path ?? "/"}`, presenting(credential, row));

    expect.soft(await seenUntilItEnds(client, row, refusal), refusal.refusal).toEqual(expectedOf(row, refusal));
    await relay.stop();
  }
}

function presenting(
  credential: string | undefined,
  { hasHeaders }: ClientRow,
): { readonly subprotocols: readonly string[]; readonly header?: string } {
  if (credential === undefined) return { subprotocols: [SUBPROTOCOL_V1] };
  if (hasHeaders) return { subprotocols: [SUBPROTOCOL_V1], header: `Authorization: Bearer ${credential}` };
  return { subprotocols: [SUBPROTOCOL_V1, `${TOKEN_SUBPROTOCOL_PREFIX}${credential}`] };
}

/** What an app is shown: the refusal; or that it is open, and of one that is open only to be told, the error and the close. */
async function seenUntilItEnds(client: ClientProgram, row: ClientRow, refusal: Refusal): Promise<readonly object[]> {
  const seen: object[] = [];
  for (;;) {
    const told = await client.next();
    seen.push(seenOf(told));
    if (told.event === "refused" || told.event === "closed" || !isOpened(row, refusal)) return seen;
  }
}

function seenOf(told: Told): object {
  if (told.event === "refused") return { event: told.event, status: told.status, refusal: told.refusal };
  if (told.event !== "text") return told;
  const { code, reason } = JSON.parse(String(told.bytes)) as { readonly code: string; readonly reason: string };
  return { event: "text", code, reason };
}

/** Whether the upgrade is taken only to be closed, with the reason: browsers show a page no answer to an upgrade. */
function isOpened({ sendsOrigin = false }: ClientRow, { closeCode }: Refusal): boolean {
  return sendsOrigin && closeCode !== undefined;
}

/** The one place that says what a library shows of an upgrade that the relay refuses, with an `Origin` or without. */
function expectedOf(row: ClientRow, refusal: Refusal): readonly object[] {
  const { shows, sendsOrigin = false } = row;
  const { status, refusal: word, isForOrigins, closeCode } = refusal;
  const open = { event: "open", subprotocol: SUBPROTOCOL_V1 };
  if (isForOrigins === true && !sendsOrigin) return [open];
  if (isOpened(row, refusal)) {
    const code = status === 401 ? "unauthorized" : "refused";
    return [open, { event: "text", code, reason: word }, { event: "closed", code: closeCode, reason: word }];
  }
  return [
    {
      event: "refused",
      status: shows === "nothing" ? undefined : status,
      refusal: shows === "status and word" ? word : undefined,
    },
  ];
}
