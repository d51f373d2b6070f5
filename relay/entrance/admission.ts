import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { SUBPROTOCOL_V1, TOKEN_SUBPROTOCOL_PREFIX } from "../../protocol/subprotocol.ts";
import type { Clock } from "../clock.ts";
import { Counter, wordsOf } from "../counter.ts";
import type { Networks } from "../limits/address.ts";
import type { AddressLimits } from "../limits/address-limits.ts";
import type { Returners, VisitRequest } from "../limits/returners.ts";
import { targetOf } from "../request-target.ts";
import type { Connections } from "../session/connections.ts";
import type { Claim, Dialects } from "../session/dialects.ts";
import type { Access, AccessRefusal, Applicant } from "../session/ports.ts";
import { AllowedOrigins } from "./allowed-origins.ts";
import { type Refused, refusal, type UpgradeRefusal, upgradeRefusals } from "./upgrade-refusals.ts";

/**
 * How long an upgrade is kept waiting for the check of its credential, at most: Firefox holds every other socket to the
 * relay's address behind it. A key that has to be fetched is there when the client comes back.
 */
const MAX_CHECK_MS = 1000;

/** What a credential is worth; see relay/auth/ports.ts. */
type Verdict = { readonly access: Access } | { readonly refusal: AccessRefusal; readonly status: 401 | 429 | 503 };

/** Who a connection is from, before its first request. Implemented by relay/entrance/connection-gate.ts. */
type Arrived = { readonly address: string; readonly isForwarding: boolean; readonly isOverRate: boolean };
type Arrivals = {
  arrivedOn(socket: Socket): Arrived | undefined;
};

/** What is asked who is behind a proxy. Implemented by relay/entrance/client-address.ts. */
type ClientAddresses = {
  of(address: string, headers: IncomingHttpHeaders): string;
};

/** What the checks ask. */
export type AdmissionParts = {
  readonly clock: Clock;
  readonly connections: Connections;
  readonly dialects: Pick<Dialects, "claiming">;
  readonly arrivals: Arrivals;
  readonly addresses: ClientAddresses;
  readonly limits: AddressLimits;
  readonly returners: Returners;
  readonly allowed: Networks;
  readonly denied: Networks;
  readonly memory: { readonly isHigh: boolean };
  readonly authority: { admit(headers: IncomingHttpHeaders): Verdict | Promise<Verdict> };
};

/** What tunes them. */
export type AdmissionOptions = {
  readonly maxConnections: number;
  readonly maxUndecidedConnections: number;
  /** Empty: all. */
  readonly allowedOrigins: readonly string[];
  /** How long the check of a credential may take, if that is less than a second. */
  readonly handshakeTimeoutMs: number;
};

/** What came of it: `refused` says which check it was. */
export type Decision = { readonly access: Access } | Refused;

/** The checks of an upgrade, in order, cheap ones first, and the counts of what they refused. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #options: AdmissionOptions;
  readonly #refused = new Counter<UpgradeRefusal>(wordsOf(upgradeRefusals));
  readonly #allowedOrigins: AllowedOrigins;
  #checksInFlight = 0;
  #isDraining = false;

  constructor(parts: AdmissionParts, options: AdmissionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#allowedOrigins = new AllowedOrigins(options.allowedOrigins);
  }

  /** From now on everybody is refused. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Upgrades refused since the start, by reason. */
  counts(): Readonly<Record<UpgradeRefusal, number>> {
    return this.#refused.read();
  }

  refused(reason: UpgradeRefusal): void {
    this.#refused.add(reason);
  }

  /** The address of who asks; undefined where the connection is gone. */
  addressOf({ socket, headers }: IncomingMessage): string | undefined {
    const { arrivals, addresses } = this.#parts;
    const arrived = arrivals.arrivedOn(socket);
    return arrived?.isForwarding === true ? addresses.of(arrived.address, headers) : arrived?.address;
  }

  /** Whether who sends a plain request might open a connection, as far as its address and its page's site go. */
  mayAsk(request: IncomingMessage): boolean {
    return this.#isAllowed(this.addressOf(request) ?? "") && this.#allowedOrigins.has(request.headers.origin);
  }

  /** Who asks. Where a proxy speaks for a client, the client's connection is counted here: nobody knew of it before. */
  applicant(request: IncomingMessage): Applicant | undefined {
    const { socket, headers } = request;
    const { arrivals, addresses, limits, returners, clock } = this.#parts;
    const arrived = arrivals.arrivedOn(socket);
    if (arrived === undefined) return undefined;
    const { address, isForwarding, isOverRate } = arrived;
    const clientAddress = isForwarding ? addresses.of(address, headers) : address;
    const visit = returners.visit(clientAddress, visitRequestOf(request, this.#credentialIn(request)));
    if (!isForwarding) return { clientAddress, visit, isOverRate };
    return { clientAddress, visit, isOverRate: limits.arrived(clientAddress, clock.monotonicMs()) !== "ok" };
  }

  /** What an address has of a credential, where a dialect's clients bring theirs in it. */
  #credentialIn(request: IncomingMessage): string {
    const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
    const names = this.claiming(request).dialects.flatMap(({ credentialParameter }) => credentialParameter ?? []);
    return names.map((name) => query.get(name) ?? "").join();
  }

  /** Whose the request may be: of several dialects, the first message decides. None: there is nothing at its path. */
  claiming(request: IncomingMessage): Claim {
    return this.#parts.dialects.claiming(targetOf(request));
  }

  /**
   * Everything that is known at once. After undefined the caller owes a `left`.
   * @param by an upgrade has no body; the request by which a long poll begins has one.
   */
  check(
    request: IncomingMessage,
    { clientAddress, isOverRate, visit }: Applicant,
    by: "upgrade" | "poll" = "upgrade",
  ): UpgradeRefusal | undefined {
    const { limits } = this.#parts;
    if (!hasOneHost(request) || (by === "upgrade" && announcesBody(request))) return "bad-request";
    if (this.claiming(request).dialects.length === 0) return "no-such-path";
    if (isOfAnotherVersion(request)) return "subprotocol";
    if (this.#isDraining) return "draining";
    if (visit.isIgnored()) return "returning";
    if (!this.#isAllowed(clientAddress)) return "address";
    if (!this.#allowedOrigins.has(request.headers.origin)) return "origin";
    if (isOverRate) return "address-rate";
    const full = this.#whatIsFull();
    if (full !== undefined) return full;
    return limits.tryConnect(clientAddress) ? undefined : "address-connections";
  }

  /** Whether its credential lets it in. A promise where that takes time; it is bounded, as is how many there are (relay/auth/), and never rejects. */
  decide({ headers, socket }: IncomingMessage): Decision | Promise<Decision> {
    const verdict = this.#parts.authority.admit(headers);
    return verdict instanceof Promise ? this.#whenChecked(verdict, socket) : decisionOf(verdict);
  }

  /** The connection, or what should have become one, is gone. */
  left({ clientAddress }: Applicant): void {
    this.#parts.limits.disconnect(clientAddress, this.#parts.clock.monotonicMs());
  }

  async #whenChecked(verdict: Promise<Verdict>, socket: Socket): Promise<Decision> {
    this.#checksInFlight += 1;
    const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
    const onClose = (): void => giveUp(undefined);
    const timer = this.#parts.clock.after(Math.min(this.#options.handshakeTimeoutMs, MAX_CHECK_MS), onClose);
    socket.once("close", onClose);
    const decided = await Promise.race([verdict, late]);
    socket.removeListener("close", onClose);
    timer.cancel();
    this.#checksInFlight -= 1;
    if (decided === undefined) {
      void releaseLate(verdict);
      return refusal("check-timeout");
    }
    if (this.#isDraining && "access" in decided) {
      decided.access.release();
      return refusal("draining");
    }
    return decisionOf(decided);
  }

  #isAllowed(address: string): boolean {
    const { allowed, denied } = this.#parts;
    return !denied.has(address) && (allowed.isEmpty || allowed.has(address));
  }

  #whatIsFull(): UpgradeRefusal | undefined {
    const { connections, memory } = this.#parts;
    const { maxConnections, maxUndecidedConnections } = this.#options;
    if (memory.isHigh) return "memory";
    if (connections.count + this.#checksInFlight >= maxConnections) return "max-connections";
    if (!connections.hasRoomForUndecided(maxUndecidedConnections - this.#checksInFlight)) return "undecided";
    return undefined;
  }
}

function decisionOf(verdict: Verdict): Decision {
  if ("access" in verdict) return verdict;
  return { refused: "credential", status: verdict.status, detail: verdict.refusal };
}

/** Nobody waits for this verdict any more. */
async function releaseLate(verdict: Promise<Verdict>): Promise<void> {
  const late = await verdict;
  if ("access" in late) late.access.release();
}

/** RFC 9112 section 3.2: one host, no more and no less; Node sees to none of it here. */
function hasOneHost({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length === 1;
}

/** Whoever reads such an upgrade otherwise than we do would take a part of it for frames, or of the frames for a request. */
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
}

/** Subprotocols that are offered (RFC 6455 section 11.3.4); an empty element is none, as with any list (RFC 9110 section 5.6.1). */
export function offeredSubprotocols({ headers }: IncomingMessage): readonly string[] {
  const offered = headers["sec-websocket-protocol"] ?? "";
  return offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Versions of our own protocol alone, and none that we speak: such a client would take a classic conversation for broken. */
function isOfAnotherVersion(request: IncomingMessage): boolean {
  const versions = offeredSubprotocols(request).filter(
    (name) => name.startsWith("postern.") && !name.startsWith(TOKEN_SUBPROTOCOL_PREFIX),
  );
  return versions.length > 0 && !versions.includes(SUBPROTOCOL_V1);
}

/** By what a request is known again that is refused the same each time. */
function visitRequestOf(request: IncomingMessage, credential: string): VisitRequest {
  const { authorization = "", origin = "", "user-agent": program = "" } = request.headers;
  const offered = offeredSubprotocols(request);
  const { path, host } = targetOf(request);
  const hasCredential =
    credential !== "" || authorization !== "" || offered.some((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  return { asked: [path, host, origin, program, credential, authorization, ...offered], hasCredential };
}
