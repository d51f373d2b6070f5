import { once } from "node:events";
import { request } from "node:https";
import { checkServerIdentity, connect, type DetailedPeerCertificate } from "node:tls";

/** How long one step may take. */
export const PATIENCE_MS = 15_000;
const DAY_MS = 86_400_000;

/** Whom to trust. */
export type Trust = {
  /** Take any chain: an authority's staging, or a certificate that signs itself. The name is checked all the same. */
  readonly isUntrusted: boolean;
  /** Certificates (PEM) to trust in place of the system's. */
  readonly ca?: string;
};

/**
 * Looks at the certificate: the chain, the name, the days left.
 * @returns what clients see.
 * @throws where they would not trust it.
 */
export async function inspectCertificate(url: URL, { isUntrusted, ca }: Trust): Promise<string> {
  const socket = connect({
    host: url.hostname,
    port: Number(url.port || 443),
    servername: url.hostname,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(PATIENCE_MS) });
    const leaf = socket.getPeerCertificate(true);
    if (!isUntrusted && !socket.authorized)
      throw new Error(`clients do not trust it: ${String(socket.authorizationError)}`);
    const wrongName = checkServerIdentity(url.hostname, leaf);
    if (wrongName !== undefined) throw wrongName;
    const daysLeft = (Date.parse(leaf.valid_to) - Date.now()) / DAY_MS;
    if (daysLeft <= 0) throw new Error(`it ended on ${leaf.valid_to}`);
    const trusted = socket.authorized ? "trusted" : "not trusted";
    return `${trusted}, ${chainOf(leaf).join(" < ")}, ${Math.floor(daysLeft)} days left, ${socket.getProtocol()}`;
  } finally {
    socket.destroy();
  }
}

/** The names in a chain, the server's own first. */
function chainOf(leaf: DetailedPeerCertificate): readonly string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at !== undefined; at = at.issuerCertificate) {
    if (seen.has(at.fingerprint256)) break;
    seen.add(at.fingerprint256);
    names.push(String(at.subject?.CN ?? at.subjectaltname ?? "no name"));
  }
  return names;
}

/** Measures a request on a connection of its own: until TLS is there, and until the first byte of the answer. */
export async function measureFirstByte(url: URL, { isUntrusted, ca }: Trust): Promise<string> {
  const startMs = performance.now();
  let secureMs = 0;
  const outgoing = request({
    host: url.hostname,
    port: url.port || 443,
    path: "/health",
    agent: false,
    rejectUnauthorized: !isUntrusted,
    ...(ca === undefined ? {} : { ca }),
  });
  outgoing.on("socket", (socket) => {
    socket.once("secureConnect", () => {
      secureMs = performance.now() - startMs;
    });
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response", { signal: AbortSignal.timeout(PATIENCE_MS) })) as [
    { statusCode?: number; destroy(): void },
  ];
  const firstByteMs = performance.now() - startMs;
  response.destroy();
  if (response.statusCode !== 200) throw new Error(`/health answered ${response.statusCode}`);
  return `TLS after ${Math.round(secureMs)} ms, first byte after ${Math.round(firstByteMs)} ms`;
}
