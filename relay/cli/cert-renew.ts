import { type Clock, keepProcessAlive, systemClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import { RelayError } from "../relay-error.ts";
import { type Kept, type KeptCertificate, openKeptCertificate } from "../tls/kept-certificate.ts";
import { keptJson, moment, type OutputOptions } from "./cert-status.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/** The store is a directory or an API that counts calls. */
const LOOK_INTERVAL_MS = 2000;
const MAX_WAIT_SECONDS = 3600;

/** `force`: order now. `wait`: for how many seconds to follow it. */
export type RenewOptions = OutputOptions & { readonly force?: boolean; readonly wait: string };

/** How a request ended. */
type Outcome = "renewed" | "failed" | "not-taken" | "not-finished";

/** Why a relay's certificate cannot be renewed by request. */
const NOT_RENEWED_HERE = {
  off: "TLS is off: there is no certificate to renew.",
  files:
    "The certificate is in files that somebody else renews. The relay takes new ones within seconds, without a request.",
  "self-signed": "A relay renews its self-signed certificate itself, and makes a new one at each start.",
};

/**
 * Without `--force`, tells when the renewal is due. With it, leaves a request in the store for the relay that uses it and
 * follows what becomes of it: the relay has the port by which the names are proved, and this command does not.
 * @throws RelayError where the store cannot be used, or `--wait` is no number of seconds.
 */
export async function certRenew(
  { config }: LoadedConfig,
  terminal: Terminal,
  options: RenewOptions,
): Promise<ExitCode> {
  const waitSeconds = readWait(options.wait);
  const { clock = systemClock } = terminal;
  const say = (outcome: string, sentence: string, kept?: Kept) => {
    const facts = kept === undefined ? {} : keptJson(kept, clock.epochMs());
    terminal.stdout.write(options.json ? `${JSON.stringify({ outcome, ...facts })}\n` : `${sentence}\n`);
  };
  if (config.tls !== "acme") {
    say("not-renewable", NOT_RENEWED_HERE[config.tls]);
    return options.force ? ExitCode.noCertificate : ExitCode.success;
  }
  const certificate = await openKeptCertificate(config);
  const before = await certificate.read(clock.epochMs());
  if (!options.force) {
    say("not-requested", dueSentence(before, clock.epochMs()), before);
    return ExitCode.success;
  }
  const hold = keepProcessAlive();
  try {
    await certificate.request(clock.epochMs());
    terminal.stderr.write("Requested. A relay that uses this store looks for requests every 30 s.\n");
    const { outcome, kept } = await follow({ certificate, clock, terminal }, before, waitSeconds * 1000);
    say(outcome, outcomeSentence(outcome, kept, waitSeconds, clock.epochMs()), kept);
    return outcome === "renewed" ? ExitCode.success : ExitCode.noCertificate;
  } finally {
    hold.cancel();
  }
}

type FollowParts = { readonly certificate: KeptCertificate; readonly clock: Clock; readonly terminal: Terminal };

/** Looks at the store until the request has come to an end, or the time has. */
async function follow(
  { certificate, clock, terminal }: FollowParts,
  initial: Kept,
  waitMs: number,
): Promise<{ readonly outcome: Outcome; readonly kept: Kept }> {
  const endMs = clock.monotonicMs() + waitMs;
  let isTaken = false;
  let before = initial;
  for (;;) {
    const kept = await certificate.read(clock.epochMs());
    // An order that was under way already may end first: a relay takes the request after it.
    if (kept.requestedAtMs !== undefined) before = kept;
    else if (!isTaken) {
      isTaken = true;
      terminal.stderr.write("A relay has taken the request and orders now.\n");
    }
    const isNew = kept.fingerprint !== undefined && kept.fingerprint !== before.fingerprint;
    if (isTaken && isNew) return { outcome: "renewed", kept };
    // The request has forgotten the failure before it: this one is new.
    if (isTaken && kept.status.lastErrorCode !== undefined) return { outcome: "failed", kept };
    const leftMs = endMs - clock.monotonicMs();
    if (leftMs <= 0) return { outcome: isTaken ? "not-finished" : "not-taken", kept };
    await new Promise<void>((resolve) => {
      clock.after(Math.min(LOOK_INTERVAL_MS, leftMs), resolve);
    });
  }
}

function outcomeSentence(outcome: Outcome, { status }: Kept, waitSeconds: number, nowMs: number): string {
  switch (outcome) {
    case "renewed":
      return `Renewed. The new certificate by ${status.issuer} is good until ${moment(status.expiresAtMs, nowMs)}.`;
    case "failed": {
      const next =
        status.nextAttemptAtMs === undefined ? "" : ` The next attempt is at ${moment(status.nextAttemptAtMs, nowMs)}.`;
      return `Not renewed: ${status.lastErrorCode}. The relay's log says more, and docs/certificates.md what to do.${next}`;
    }
    case "not-taken":
      return `No relay took the request in ${waitSeconds} s. It stays in the store: a relay with these options takes it when it runs.`;
    case "not-finished":
      return `The relay has taken the request, and there is no new certificate after ${waitSeconds} s. Its log and \`postern cert status\` tell how it goes on.`;
  }
}

function dueSentence({ status }: Kept, nowMs: number): string {
  const { isStandIn, nextAttemptAtMs } = status;
  const what = isStandIn ? "There is no certificate yet; the next attempt is" : "The renewal is due at";
  const when =
    nextAttemptAtMs === undefined ? "made by the relay, or as soon as one runs" : moment(nextAttemptAtMs, nowMs);
  return `${what} ${when}. The relay does it by itself. To have it done now: postern cert renew --force`;
}

function readWait(text: string): number {
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MAX_WAIT_SECONDS) return seconds;
  throw new RelayError(
    "CONFIG_INVALID",
    `flag --wait is ${JSON.stringify(text.slice(0, 40))}; it takes 0 to ${MAX_WAIT_SECONDS} seconds`,
  );
}
