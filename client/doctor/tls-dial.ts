import { isIP } from "node:net";
import { Duplex } from "node:stream";
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  getCACertificates,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { SILENCE, within } from "./common/patience.ts";
import { codeOf, hostOf, type Patient, type Way } from "./scene.ts";

/** Node's own hello has a share of a group that takes more than a packet; this one fits into one. */
const SMALL_GROUP = "X25519";
const ALPN = "http/1.1";
const MAX_CHAIN = 10;

/** How a dial is made. @property alpn left out: what a WebSocket is spoken over. */
export type TlsWish = {
  readonly timeMs: number;
  readonly hasSmallHello?: boolean;
  readonly alpn?: string;
};

/** How it ended. Nothing was sent behind the handshake. */
export type TlsOutcome =
  | { readonly kind: "secured"; readonly socket: TLSSocket; readonly certificate: DetailedPeerCertificate }
  /** @property code Node's, "" where it has none. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "silent" }
  /** There was no connection to speak on. */
  | { readonly kind: "unreached"; readonly error: unknown };

/** Speaks TLS on a new connection, and trusts whatever is shown: what it is, is judged by the caller. Never rejects. */
export async function dialTls(patient: Patient, way: Way, wish: TlsWish): Promise<TlsOutcome> {
  let raw: Awaited<ReturnType<Way>>;
  try {
    raw = await way();
  } catch (error) {
    return { kind: "unreached", error };
  }
  const host = hostOf(patient);
  const { promise, resolve } = Promise.withResolvers<TlsOutcome>();
  const socket = connect({
    socket: raw,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: [wish.alpn ?? ALPN],
    rejectUnauthorized: false,
    secureContext: contextOf(patient, wish.hasSmallHello === true),
  });
  // It ends the other one with itself. To end both, the one below first, ends Node 24 too: by a segmentation fault.
  patient.opened.delete(raw);
  patient.opened.add(socket);
  socket.on("close", () => {
    patient.opened.delete(socket);
    resolve({ kind: "failed", code: "ECONNRESET", message: "closed" });
  });
  socket.on("error", (error) => resolve({ kind: "failed", code: codeOf(error), message: error.message }));
  socket.on("secureConnect", () => resolve({ kind: "secured", socket, certificate: socket.getPeerCertificate(true) }));
  const outcome = await within(patient.clock, wish.timeMs, promise);
  if (outcome !== SILENCE) return outcome;
  socket.destroy();
  return { kind: "silent" };
}

/** How long the first message of TLS is, in bytes: it goes nowhere. */
export async function helloBytes(patient: Patient, hasSmallHello: boolean): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const nowhere = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      resolve(chunk.length);
      done();
    },
  });
  const servername = isIP(hostOf(patient)) === 0 ? { servername: hostOf(patient) } : {};
  const secureContext = contextOf(patient, hasSmallHello);
  const socket = connect({ socket: nowhere, ...servername, ALPNProtocols: [ALPN], secureContext });
  socket.on("error", () => undefined);
  const length = await promise;
  socket.destroy();
  return length;
}

/** Why a certificate is not the right one, by Node's code; undefined: it is. */
export function faultOf(patient: Patient, socket: TLSSocket, certificate: PeerCertificate): string | undefined {
  const { fingerprint } = patient.tls;
  if (fingerprint !== undefined) {
    return [fingerprint].flat().includes(certificate.fingerprint256) ? undefined : "CERTIFICATE_MISMATCH";
  }
  // The chain is judged before the name, and the name tells more.
  const wrongName = checkServerIdentity(hostOf(patient), certificate);
  if (wrongName !== undefined) return "ERR_TLS_CERT_ALTNAME_INVALID";
  return socket.authorized ? undefined : String(socket.authorizationError);
}

/** Whether a chain ends at one of the authorities that Node brings: then nobody of this machine has added it. */
export function isOfPublicAuthority(certificate: DetailedPeerCertificate): boolean {
  return chainOf(certificate).some((link) => publicFingerprints().has(link.raw.toString("base64")));
}

let known: ReadonlySet<string> | undefined;

function publicFingerprints(): ReadonlySet<string> {
  known ??= new Set(rootCertificates.map((pem) => pem.replace(/-----[^-]+-----|\s/g, "")));
  return known;
}

/** A certificate and its issuers, as far as they are known. The last one is its own issuer, or none is known. */
function chainOf(certificate: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  // Its type does not say that the issuer may be missing.
  let link: DetailedPeerCertificate | undefined = certificate;
  while (link !== undefined && !chain.includes(link) && chain.length < MAX_CHAIN) {
    chain.push(link);
    link = link.issuerCertificate;
  }
  return chain;
}

function contextOf({ tls: { ca, extraCa = [] } }: Patient, hasSmallHello: boolean): SecureContext {
  const roots = ca === undefined ? [...getCACertificates("default"), ...getCACertificates("system")] : [ca].flat();
  return createSecureContext({
    ca: [...new Set([extraCa, roots].flat(2))],
    ...(hasSmallHello ? { ecdhCurve: SMALL_GROUP } : {}),
  });
}
