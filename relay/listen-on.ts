import type { Server } from "node:net";

/** Where a server is to listen. `reusePort`: share the port with other processes that do the same. */
export type ListenTarget = { readonly host: string; readonly port: number; readonly reusePort?: boolean };

/** Where it listens: another address than was asked for where the system has no IPv6, another port than 0. */
export type Listening = { readonly host: string; readonly port: number };

/** Why a server does not listen: Node's own error is the cause, and `code` is its. */
export class ListenFailure extends Error {
  readonly code: string | undefined;

  constructor(error: NodeJS.ErrnoException) {
    super(error.message, { cause: error });
    this.name = "ListenFailure";
    this.code = error.code;
  }
}

/** Every address of the machine, IPv6 and IPv4. */
const EVERY_ADDRESS = "::";
const EVERY_IPV4_ADDRESS = "0.0.0.0";

/**
 * Starts listening. `::` is every address; where the system has no IPv6 it is every IPv4 address. From then on an error of
 * the server is a connection that could not be taken, and ends nothing: whoever counts them listens too.
 * @throws ListenFailure
 */
export function listenOn(server: Server, target: ListenTarget): Promise<Listening> {
  return openWithFallback(target.host, (host) => tryToListen(server, { ...target, host }));
}

/**
 * Opens something at this address; for `::`, where the system has no IPv6, at every IPv4 address.
 * @param open throws a ListenFailure where it cannot.
 * @throws ListenFailure
 */
export async function openWithFallback<T>(host: string, open: (host: string) => Promise<T>): Promise<T> {
  try {
    return await open(host);
  } catch (error) {
    // socket(2): the kernel was started without IPv6, or the service may not use it.
    const isWithoutIpv6 = error instanceof ListenFailure && error.code === "EAFNOSUPPORT";
    if (host !== EVERY_ADDRESS || !isWithoutIpv6) throw error;
    return open(EVERY_IPV4_ADDRESS);
  }
}

function tryToListen(server: Server, { host, port, reusePort = false }: ListenTarget): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(new ListenFailure(error));
    server.once("error", onError);
    server.listen({ host, port, reusePort }, () => {
      server.removeListener("error", onError);
      server.on("error", ignoreError);
      const address = server.address();
      resolve({ host, port: typeof address === "object" && address !== null ? address.port : port });
    });
  });
}

function ignoreError(): void {
  // accept(2) failed: the client is told by the system, and the next one may fare better.
}
