import type { Server } from "node:http";
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { createListener, followSockets, listen } from "./http/listener.ts";
import { AlpnChallenges } from "./tls/alpn-challenges.ts";
import { createSource } from "./tls/create-source.ts";
import { ServedCertificate } from "./tls/served-certificate.ts";
import type { CertificateSource, CertificateStatus } from "./tls/source.ts";

/**
 * With TLS 1.2 a ticket holds the keys of its connection: whoever gets at the tickets' key can read what was recorded
 * under it. So it does not get old: twice a day there is another one.
 */
const TICKET_KEYS_LIFETIME_MS = 43_200_000;

/** Who came before the port was closed gets an answer within this time, or none. */
const MAX_ANSWER_MS = 1000;

/** Where a started relay is reached. */
export type RelayAddress = {
  readonly host: string;
  readonly port: number;
  /** PEM, and its SHA-256: what was served first; undefined without TLS. */
  readonly certificate: string | undefined;
  readonly fingerprint: string | undefined;
};

/** The port with its certificate, as the relay sees it. */
export type OpenPort = {
  readonly address: RelayAddress;
  /** Undefined without TLS. */
  readonly status: (() => CertificateStatus) | undefined;
  /** No further renewal: gives up an order that is under way. */
  readonly stopRenewing: () => Promise<void>;
  /** Takes no new connections; those that are open go on. Resolves when those who had come are in. */
  readonly stopListening: () => Promise<void>;
  /** Takes no new connections, answers those who have come, and ends them; resolves when the port is free. */
  readonly close: () => Promise<void>;
};

/** What it uses. `source`: certificates from elsewhere than the options say. */
export type OpenPortParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly isPortChosen: boolean;
  readonly source: CertificateSource | undefined;
};

/**
 * Gets the first certificate, then opens the port, so that nobody meets a relay without one.
 * @param prepare is given the server before it listens.
 * @throws RelayError where there is no certificate or no port; nothing is left running then.
 */
export async function openPort(
  config: Config,
  { clock, log, isPortChosen, source: given }: OpenPortParts,
  prepare: (server: Server) => void,
): Promise<OpenPort> {
  const challenges = new AlpnChallenges();
  const source = config.tls === "off" ? undefined : (given ?? (await createSource({ clock, log, challenges }, config)));
  const certificate = source && new ServedCertificate({ clock, log, source });
  const material = await certificate?.start();
  const { server, renew, changeTicketKeys } = createListener({
    ...config,
    tls: material && { material, challenges },
  });
  certificate?.onRenewal(renew);
  const ticketKeysTimer = clock.every(TICKET_KEYS_LIFETIME_MS, changeTicketKeys);
  const stopRenewing = async (): Promise<void> => {
    ticketKeysTimer.cancel();
    await certificate?.stop();
  };
  prepare(server);
  const sockets = followSockets(server);
  const patience = { clock, durationMs: Math.min(config.drainTimeoutMs, MAX_ANSWER_MS) };
  try {
    // An authority asks at the port that was chosen: no other may stand in for it.
    const { host, port } = await listen(server, { ...config, isPortChosen: isPortChosen || config.tls === "acme" });
    return {
      address: { host, port, certificate: material?.certificate, fingerprint: certificate?.fingerprint },
      status: certificate && (() => certificate.status()),
      stopRenewing,
      stopListening: () => sockets.stopListening(patience),
      close: () => sockets.end(patience),
    };
  } catch (error) {
    await stopRenewing();
    throw error;
  }
}
