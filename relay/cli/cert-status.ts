import { systemClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { createLogger } from "../observability/logger.ts";
import { AlpnChallenges } from "../tls/alpn-challenges.ts";
import { createSource } from "../tls/create-source.ts";
import { type Kept, openKeptCertificate } from "../tls/kept-certificate.ts";
import { factsOf } from "../tls/material.ts";
import { statusJson } from "../tls/status-json.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const DAY_MS = 86_400_000;

/** How the result is written: for people, or as one JSON object. */
export type OutputOptions = { readonly json?: boolean };

/**
 * Tells what is known of the certificate without asking a relay: what the store keeps, or what is in the files.
 * @throws RelayError where the store or the files cannot be read.
 */
export async function certStatus(
  { config }: LoadedConfig,
  terminal: Terminal,
  { json = false }: OutputOptions,
): Promise<ExitCode> {
  const nowMs = (terminal.clock ?? systemClock).epochMs();
  const kept = await keptBy(config, terminal);
  if (typeof kept === "string") {
    terminal.stdout.write(json ? `${JSON.stringify({ source: config.tls, note: kept })}\n` : `${kept}\n`);
    return ExitCode.success;
  }
  terminal.stdout.write(json ? `${JSON.stringify(keptJson(kept, nowMs))}\n` : table(kept, nowMs));
  const { isStandIn, expiresAtMs } = kept.status;
  return !isStandIn && nowMs < expiresAtMs ? ExitCode.success : ExitCode.noCertificate;
}

/** What is kept as JSON. Times are seconds since the epoch; what there is none of is null. */
export function keptJson({ status, fingerprint, requestedAtMs }: Kept, nowMs: number): object {
  const has = !status.isStandIn;
  const { is_stand_in, ...facts } = statusJson(status, nowMs);
  return {
    ...facts,
    has_certificate: !is_stand_in,
    names: status.names,
    issuer: has ? status.issuer : null,
    fingerprint: fingerprint ?? null,
    not_before: has ? seconds(status.notBeforeMs) : null,
    expires_at: has ? seconds(status.expiresAtMs) : null,
    seconds_to_expiry: has ? facts.seconds_to_expiry : null,
    renewal_requested: seconds(requestedAtMs),
    store: status.store ?? null,
  };
}

function seconds(atMs: number | undefined): number | null {
  return atMs === undefined ? null : Math.floor(atMs / 1000);
}

/** What can be known from outside of a relay; or a sentence why nothing can. */
async function keptBy(config: Config, terminal: Terminal): Promise<Kept | string> {
  const { clock = systemClock } = terminal;
  switch (config.tls) {
    case "off":
      return "TLS is off, so there is no certificate. If your relay has one, give this command the relay's options.";
    case "self-signed":
      return "A relay makes a self-signed certificate when it starts and keeps it in memory: its log names the fingerprint, and /ready tells when it ends. If your relay has another one, give this command the relay's options.";
    case "acme":
      return (await openKeptCertificate(config)).read(clock.epochMs());
    case "files": {
      const parts = { clock, log: createLogger("silent"), challenges: new AlpnChallenges() };
      const source = await createSource(parts, config);
      const { certificate } = await source.start(() => undefined);
      await source.stop();
      return { status: source.status(), fingerprint: factsOf(certificate)?.fingerprint, requestedAtMs: undefined };
    }
  }
}

function table({ status, fingerprint, requestedAtMs }: Kept, nowMs: number): string {
  const { names, issuer, source, store, expiresAtMs, nextAttemptAtMs, lastErrorCode, consecutiveFailures } = status;
  const hasCertificate = !status.isStandIn;
  const never = source === "files" ? "by whoever writes the files" : "by the relay, or as soon as one runs";
  const failures = `${lastErrorCode}, ${consecutiveFailures} in a row (docs/certificates.md)`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["names", names.join(", ")],
    ["source", source],
    ["issuer", hasCertificate ? issuer : "no certificate that could be served"],
    ["fingerprint", fingerprint],
    ["expires", hasCertificate ? moment(expiresAtMs, nowMs) : undefined],
    [
      hasCertificate ? "next renewal" : "next attempt",
      nextAttemptAtMs === undefined ? never : moment(nextAttemptAtMs, nowMs),
    ],
    ["last success", status.lastSuccessAtMs === undefined ? undefined : moment(status.lastSuccessAtMs, nowMs)],
    ["last error", lastErrorCode === undefined ? "none" : failures],
    ["requested", requestedAtMs === undefined ? undefined : `${moment(requestedAtMs, nowMs)}; no relay has taken it`],
    ["store", store],
  ];
  return rows.map(([name, value]) => (value === undefined ? "" : `${name.padEnd(14)}${value}\n`)).join("");
}

/** `2026-12-24 17:00 UTC, in 33 days`. */
export function moment(atMs: number, nowMs: number): string {
  const date = new Date(atMs).toISOString().slice(0, 16).replace("T", " ");
  const awayMs = Math.abs(atMs - nowMs);
  const away =
    awayMs >= 2 * DAY_MS
      ? `${Math.floor(awayMs / DAY_MS)} days`
      : awayMs >= 7_200_000
        ? `${Math.floor(awayMs / 3_600_000)} hours`
        : `${Math.ceil(awayMs / 60_000)} min`;
  return `${date} UTC, ${atMs >= nowMs ? `in ${away}` : `${away} ago`}`;
}
