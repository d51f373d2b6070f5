import { expect } from "vitest";
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
    options: () => tokenOptions(),
    presents: () => token({ claims: { exp: 1_700_000_000 } }),
  },
  { status: 403, refusal: "address", options: () => ({ ipAllow: ["192.0.2.0/24"] }) },
  { status: 404, refusal: "no-such-path", path: "/elsewhere" },
  {
    status: 429,
    refusal: "address-connections",
    options: () => ({ maxConnectionsPerIp: 1 }),
    before: (relay) => Client.openV1(relay),
  },
  {
    status: 503,
    refusal: "max-connections",
    options: () => ({ maxConnections: 1 }),
    before: (relay) => Client.openV1(relay),
  },
  { status: 403, refusal: "origin", options: () => ({ allowedOrigins: ["https://example.com"] }), isForOrigins: true },
];

/** Has an upgrade refused for each reason, and looks at what the library shows an app of it. */
export async function isRefused(client: ClientProgram, row: ClientRow): Promise<void> {
  for (const refusal of refusals) {
    const relay = await startRelay(await refusal.options?.());
    await refusal.before?.(relay);
    const credential = await refusal.presents?.();
    client.dial(`${relay.url}${refusal.path ?? "/"}`, presenting(credential, row));

    expect.soft(seenOf(await client.next()), refusal.refusal).toEqual(expectedOf(row, refusal));
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

function seenOf(told: Told): object {
  return told.event === "refused" ? { event: told.event, status: told.status, refusal: told.refusal } : told;
}

/** The one place that says what a library shows of an upgrade that the relay refuses, with an `Origin` or without. */
function expectedOf({ shows, sendsOrigin = false }: ClientRow, { status, refusal, isForOrigins }: Refusal): object {
  if (isForOrigins === true && !sendsOrigin) return { event: "open", subprotocol: SUBPROTOCOL_V1 };
  return {
    event: "refused",
    status: shows === "nothing" ? undefined : status,
    refusal: shows === "status and word" ? refusal : undefined,
  };
}
