import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { inStage, type Limit } from "./deadline.ts";
import { opened } from "./opening.ts";

/** How TLS with a host is begun, whoever is trusted. @param socket to speak on. */
export function tlsOptionsOf(socket: Socket, hostname: string): ConnectionOptions {
  // Engines that look at traffic take TLS without ALPN for something else than HTTPS. RFC 6066 section 3: no address is a server name.
  return { socket, host: hostname, servername: isIP(hostname) === 0 ? hostname : "", ALPNProtocols: ["http/1.1"] };
}

/** TLS with whoever is at the other end of a connection, which ends where that fails. @param onSent called when the hello is on its way. */
export async function openTls(
  transport: Socket,
  hostname: string,
  trusted: ConnectionOptions,
  limit: Limit,
  onSent?: () => void,
): Promise<TLSSocket> {
  try {
    return await inStage(limit, (signal) => {
      const socket = connect({ ...tlsOptionsOf(transport, hostname), ...trusted });
      onSent?.();
      return opened(socket, "secureConnect", signal);
    });
  } catch (error) {
    transport.destroy();
    throw error;
  }
}
