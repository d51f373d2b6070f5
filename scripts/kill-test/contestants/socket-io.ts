import { pathToFileURL } from "node:url";
import { isThere, packagePath } from "../../bench/needs.ts";
import type { KillTestContestant } from "../contestant.ts";
import { TOPIC } from "../contestant.ts";

const SERVER_PATH = new URL("../servers/socket-io-server.ts", import.meta.url).pathname;
const PACKAGES = ["socket.io", "socket.io-client"];

/** As much of its client as this uses: it is no dependency, so its types are not here. */
type Socket = {
  readonly recovered: boolean;
  on(event: "data", listener: (data: Uint8Array) => void): void;
  on(event: "connect", listener: () => void): void;
  emit(event: "data", data: Uint8Array, acknowledge: (error: unknown) => void): void;
  disconnect(): void;
};
type SocketIoClient = { readonly io: (url: string, options: object) => Socket };

/** Socket.IO with what it has against losses. */
export const socketIo: KillTestContestant = {
  name: "Socket.IO",
  sentence:
    "version 4 with connection state recovery (in memory, two minutes), `ackTimeout: 10000`, `retries: 3`, WebSocket " +
    "alone, and else as it comes; a connection that was not recovered counts as told",
  missing: () =>
    PACKAGES.every((npmPackage) => isThere({ npmPackage }))
      ? undefined
      : "npm install --prefix $PEERS socket.io socket.io-client",
  command: ({ port, keyPath, certificatePath }) => [
    process.execPath,
    SERVER_PATH,
    String(port),
    keyPath,
    certificatePath,
    TOPIC,
  ],
  openMember: async ({ port, ca }, hooks) => {
    const { io } = (await import(pathToFileURL(packagePath("socket.io-client") ?? "").href)) as SocketIoClient;
    // With the long poll first, as by default, members that had missed much kept the process busy for seconds at a time.
    const transports = ["websocket"];
    const socket = io(`https://127.0.0.1:${port}`, { ca, forceNew: true, transports, ackTimeout: 10_000, retries: 3 });
    const { promise: connected, resolve } = Promise.withResolvers<void>();
    let isFirst = true;
    socket.on("connect", () => {
      if (!isFirst && !socket.recovered) hooks.onLost(undefined);
      isFirst = false;
      resolve();
    });
    socket.on("data", (data) => hooks.onMessage(data));
    await connected;
    return {
      // It keeps whatever it has not sent, without a bound: nobody waits.
      publish: (bytes) => {
        socket.emit("data", bytes, (error) => {
          if (error) hooks.onRefused(bytes);
        });
        return Promise.resolve();
      },
      close: () => {
        socket.disconnect();
        return Promise.resolve();
      },
    };
  },
};
