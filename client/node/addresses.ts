import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { inStage } from "./deadline.ts";
import { opened } from "./opening.ts";

const NAME_TIMEOUT_MS = 5000;
/** A lost SYN is sent again after 1 s and 3 s: an address is not given up before. */
const TCP_TIMEOUT_MS = 8000;
/** The next address is tried beside the last one (RFC 8305 section 5 wants 100 ms to 2 s). */
const HEAD_START_MS = 300;
/** A name may have as many addresses as its owner likes. */
const MAX_ADDRESS_COUNT = 8;

/** Failures that say nothing about the target: this machine has no way for the family. */
const NO_WAY_CODES: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EHOSTUNREACH"]);

/** What addresses are dialled with. @property resolve all addresses of a name; left out: as the system looks them up. */
export type AddressParts = {
  readonly clock: Clock;
  readonly resolve?: ((hostname: string) => Promise<readonly LookupAddress[]>) | undefined;
};

/**
 * Connects to the first of a name's addresses that answers. Each has a head start of 300 ms before the next one is tried beside it, the families
 * in turns, and none is given up before the time is over: one lost packet, a long line, or a family that leads nowhere fails nothing.
 * @throws StageTimeout, or the failure that tells most of all that there were
 */
export async function connectTcp(
  parts: AddressParts,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const { clock, resolve = resolveAll } = parts;
  const found: readonly LookupAddress[] =
    isIP(hostname) === 0
      ? await inStage({ clock, stage: "name", timeoutMs: NAME_TIMEOUT_MS, signal }, () => resolve(hostname))
      : [{ address: hostname, family: isIP(hostname) }];
  const addresses = inTurns(found).slice(0, MAX_ADDRESS_COUNT);
  return inStage({ clock, stage: "tcp", timeoutMs: TCP_TIMEOUT_MS, signal }, (limit) =>
    firstOf(clock, addresses, port, limit),
  );
}

async function resolveAll(hostname: string): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { all: true, order: "verbatim" });
}

/** RFC 8305 section 4: the family of the first address, then the other, and so on. */
function inTurns(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
  const own = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return own.flatMap((address, index) => [address, ...others.slice(index, index + 1)]).concat(others.slice(own.length));
}

async function firstOf(
  clock: Clock,
  addresses: readonly LookupAddress[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const losers = new AbortController();
  const either = AbortSignal.any([signal, losers.signal]);
  const attempts: Promise<Socket>[] = [];
  const errors: unknown[] = [];
  let winner: Socket | undefined;
  try {
    for (const { address } of addresses) {
      const attempt = opened(connect({ host: address, port, noDelay: true }), "connect", either);
      attempt.catch((error: unknown) => errors.push(error));
      attempts.push(attempt);
      winner = await withHeadStart(clock, attempts, attempt);
      if (winner !== undefined) return winner;
    }
    winner = await Promise.any(attempts);
    return winner;
  } catch {
    throw mostTelling(errors);
  } finally {
    losers.abort(new Error("another address was quicker"));
    for (const attempt of attempts) void discard(attempt, winner);
  }
}

/** Two may have connected in the same turn. */
async function discard(attempt: Promise<Socket>, winner: Socket | undefined): Promise<void> {
  const socket = await attempt.catch(() => undefined);
  if (socket !== winner) socket?.destroy();
}

/** @returns the first socket within the head start; undefined where there is none, or the newest attempt has failed. */
async function withHeadStart(
  clock: Clock,
  attempts: readonly Promise<Socket>[],
  newest: Promise<Socket>,
): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = clock.after(HEAD_START_MS, () => resolve(undefined));
  const failed = newest.then(
    (socket) => socket,
    () => undefined,
  );
  // An older one that fails leaves the others their time.
  const others = Promise.any(attempts).catch(() => undefined);
  try {
    return await Promise.race([promise, failed, others]);
  } finally {
    timer.cancel();
  }
}

function mostTelling(errors: readonly unknown[]): unknown {
  return errors.find(isTelling) ?? errors[0] ?? Object.assign(new Error("no address"), { code: "ENOTFOUND" });
}

function isTelling(error: unknown): boolean {
  return error instanceof Error && !("code" in error && NO_WAY_CODES.has(String(error.code)));
}
