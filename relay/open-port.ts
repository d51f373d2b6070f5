import type { Server } from "node:http";
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import { readListeners } from "./config/listener-text.ts";
import type { Config } from "./config/options.ts";
import {
  createListener,
  type FollowedSockets,
  followSockets,
  type ListenAddress,
  type Listener,
  listen,
} from "./http/listener.ts";
import type { Listening } from "./listen-on.ts";
import { AlpnChallenges } from "./tls/alpn-challenges.ts";
import type { Attester } from "./tls/attester.ts";
import { createSource } from "./tls/create-source.ts";
import { ServedCertificate } from "./tls/served-certificate.ts";
import type { CertificateSource, CertificateStatus } from "./tls/source.ts";

/**
 * With TLS 1.2 a ticket holds the keys of its connection: whoever gets at the tickets' key can read what was recorded
 * under it. So it does not get old: twice a day there is another one.
 */
const TICKET_KEYS_LIFETIME_MS = 43_200_000;

/** RFC 6890: what no other machine reaches. */
const LOOPBACK = "127.0.0.1";

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

/** The ports with their certificate, as the relay sees them. */
export type OpenPort = {
  readonly address: RelayAddress;
  /** Undefined without TLS. */
  readonly status: (() => CertificateStatus) | undefined;
  /** No further renewal: gives up an order that is under way. */
  readonly stopRenewing: () => Promise<void>;
  /** Takes no new connections; those that are open go on. Resolves when those who had come are in. */
  readonly stopListening: () => Promise<void>;
  /** Takes no new connections, answers those who have come, and ends them; resolves when the ports are free. */
  readonly close: () => Promise<void>;
};

/** The relay's own port, or one of `LISTEN`. */
export type PortPlace = "own" | "further";

/** What it uses. `source`: certificates from elsewhere than the options say. */
export type OpenPortParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly isPortChosen: boolean;
  readonly source: CertificateSource | undefined;
  /** Speaks for each certificate that is served; undefined where the relay has no key of its own. */
  readonly attester: Attester | undefined;
};

/** One port: what listens there, and where. */
type Door = { readonly listener: Listener; readonly sockets: FollowedSockets; readonly address: ListenAddress };

/**
 * Gets the first certificate, then opens the relay's port and the further ones (`LISTEN`), so that nobody meets a relay
 * without one.
 * @param prepare is given each server before it listens.
 * @throws RelayError where there is no certificate or no port; nothing is left running then.
 */
export async function openPort(
  config: Config,
  { clock, log, isPortChosen, source: given, attester }: OpenPortParts,
  prepare: (server: Server, place: PortPlace) => void,
): Promise<OpenPort> {
  const challenges = new AlpnChallenges();
  const source = config.tls === "off" ? undefined : (given ?? (await createSource({ clock, log, challenges }, config)));
  const certificate = source && new ServedCertificate({ clock, log, source });
  await attester?.start();
  const material = await certificate?.start().catch((error: unknown) => {
    attester?.stop();
    throw error;
  });
  if (material !== undefined) attester?.serve(material.certificate);
  // An authority asks at the port that was chosen: no other may stand in for it.
  const address = { ...config, isPortChosen: isPortChosen || config.tls === "acme" };
  const own = { address, isPlain: false, place: "own" } as const;
  const doors = [own, ...furtherPlaces(config)].map(({ address: at, isPlain, place }) => {
    const tls = isPlain ? undefined : material && { material, challenges };
    const listener = createListener({ ...config, portCount: config.listen.length + 1, tls });
    prepare(listener.server, place);
    return { listener, address: at, sockets: followSockets(listener.server) };
  });
  certificate?.onRenewal((next) => {
    // First: whoever is shown the new one may ask about it at once.
    attester?.serve(next.certificate);
    for (const { listener } of doors) listener.renew(next);
  });
  const ticketKeysTimer = clock.every(TICKET_KEYS_LIFETIME_MS, () => {
    for (const { listener } of doors) listener.changeTicketKeys();
  });
  const stopRenewing = async (): Promise<void> => {
    ticketKeysTimer.cancel();
    attester?.stop();
    await certificate?.stop();
  };
  const patience = { clock, durationMs: Math.min(config.drainTimeoutMs, MAX_ANSWER_MS) };
  const atAll = async (act: (sockets: FollowedSockets) => Promise<void>): Promise<void> => {
    await Promise.all(doors.map(({ sockets }) => act(sockets)));
  };
  try {
    const { host, port } = await listenAtAll(doors, log);
    return {
      address: { host, port, certificate: material?.certificate, fingerprint: certificate?.fingerprint },
      status: certificate && (() => certificate.status()),
      stopRenewing,
      stopListening: () => atAll((sockets) => sockets.stopListening(patience)),
      close: () => atAll((sockets) => sockets.end(patience)),
    };
  } catch (error) {
    await Promise.all([stopRenewing(), ...doors.filter(isOpen).map(({ sockets }) => sockets.end())]);
    throw error;
  }
}

/** A port that is to be opened. */
type DoorPlace = { readonly address: ListenAddress; readonly isPlain: boolean; readonly place: PortPlace };

/** The further ports. Without TLS they are this machine's alone, but where the relay has none, or `-anywhere` says so. */
function furtherPlaces({ host, tls, reusePort, listen: texts }: Config): readonly DoorPlace[] {
  return readListeners(texts).map(({ scheme, port }) => ({
    address: {
      host: scheme === "ws" && tls !== "off" ? LOOPBACK : host,
      port,
      reusePort,
      isPortChosen: true,
      chosenWith: { option: "LISTEN", flag: "--listen" },
    },
    isPlain: scheme !== "wss",
    place: "further",
  }));
}

/** @returns where the first one is reached. */
async function listenAtAll(doors: readonly Door[], log: Logger): Promise<Listening> {
  const reached: Listening[] = [];
  for (const { listener, address } of doors) reached.push(await listen(listener.server, address));
  const [first, ...further] = reached;
  if (first === undefined) throw new TypeError("a relay has a port");
  for (const { host, port } of further) log.info({ host, port }, "listening on a further port");
  return first;
}

function isOpen({ listener }: Door): boolean {
  return listener.server.listening;
}
