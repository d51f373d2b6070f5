import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { listenError, type SettingPlace } from "../listen-error.ts";
import { ListenFailure, type ListenTarget, openWithFallback } from "../listen-on.ts";

/** A socket that is bound, and where: another address than was asked for where the system has no IPv6. */
export type BoundSocket = { readonly socket: Socket; readonly host: string };

/** Where an operator sets the port, and the address where that is not HOST. */
type Places = { readonly port: SettingPlace; readonly address?: SettingPlace };

/**
 * Binds a UDP socket. `::` takes IPv6 and IPv4, or IPv4 alone where the system has no IPv6. From then on an error of the
 * socket is a datagram that could not be read, and ends nothing.
 * @throws RelayError PORT_IN_USE, PORT_NOT_PERMITTED, ADDRESS_NOT_AVAILABLE or LISTEN_FAILED.
 */
export async function bindUdp(target: ListenTarget, places: Places): Promise<BoundSocket> {
  const { host, port } = target;
  try {
    return await openWithFallback(host, (given) => tryToBind({ ...target, host: given }));
  } catch (error) {
    if (!(error instanceof ListenFailure)) throw error;
    throw listenError(error, { ...places.port, host, port, transport: "UDP", addressPlace: places.address });
  }
}

async function tryToBind({ host, port, reusePort = false }: ListenTarget): Promise<BoundSocket> {
  const { address, family } = await addressOf(host);
  // Every address from here on is one already: without a lookup of its own Node's would come before every send.
  const socket = createSocket({
    type: family === 6 ? "udp6" : "udp4",
    reusePort,
    lookup: (literal, _options, done) => done(null, literal, family),
  });
  const { promise: bound, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: NodeJS.ErrnoException): void => {
    socket.close();
    reject(new ListenFailure(error));
  };
  socket.once("error", onError);
  socket.bind({ address, port, exclusive: true }, resolve);
  await bound;
  socket.removeListener("error", onError);
  socket.on("error", ignoreError);
  return { socket, host };
}

/** A socket is of one family, and a name has to become an address to tell which. */
async function addressOf(host: string): Promise<{ readonly address: string; readonly family: number }> {
  const family = isIP(host);
  if (family !== 0) return { address: host, family };
  return lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw new ListenFailure(error);
  });
}

function ignoreError(): void {
  // recvmsg(2) failed: whoever sent the datagram sends it again.
}
