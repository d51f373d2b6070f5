import type { Socket } from "node:net";

/**
 * Waits until a socket is there: its event `connect` or `secureConnect`. Destroys it where that does not come, or the signal is aborted before.
 * An error that comes later does nothing by itself; the socket's `close` follows it.
 * @throws what the socket fails with
 */
export function opened<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  socket.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined): void => {
      socket.off(event, onOpen).off("error", settle).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    const onOpen = (): void => settle(undefined);
    const onClose = (): void => settle(Object.assign(new Error("the connection was cut"), { code: "ECONNRESET" }));
    const onAbort = (): void => settle(new Error("the dial was given up", { cause: signal.reason }));
    socket.on(event, onOpen).on("error", settle).on("close", onClose);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
