import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import type { TestRelay } from "./relay.ts";

/** What both sides agreed on. */
export type Agreed = {
  readonly version: string | null;
  readonly cipher: string;
  /** `false` where the client did not ask. */
  readonly alpn: string | false | null;
  /** SHA-256 of the certificate that was shown. */
  readonly fingerprint: string;
};

/** Opens a TLS connection to a relay; by default one that checks nothing and wants nothing. It ends with the test. */
export async function openTls(relay: Pick<TestRelay, "port">, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port: relay.port, rejectUnauthorized: false, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, "secureConnect");
  // A reset is one of the ways in which a relay may end a connection.
  socket.on("error", () => undefined);
  return socket;
}

/** What a relay and such a client agree on. Rejects where they do not. */
export async function agree(relay: Pick<TestRelay, "port">, options: ConnectionOptions = {}): Promise<Agreed> {
  const socket = await openTls(relay, options);
  const agreed = {
    version: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpn: socket.alpnProtocol,
    fingerprint: socket.getPeerCertificate().fingerprint256,
  };
  socket.destroy();
  return agreed;
}
