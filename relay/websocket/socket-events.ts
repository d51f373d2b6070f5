import type { Socket } from "node:net";

/** Whom the events of a socket are for. */
export interface SocketOwner {
  /** Takes what came. */
  read(chunk: Buffer): void;
  /** The socket is gone. */
  ended(): void;
}

const OWNER = Symbol("owner");
type OwnedSocket = Socket & { [OWNER]: SocketOwner };

/** From now on the owner is told what becomes of the socket. One function for all sockets in place of a closure for each. */
export function listenTo(socket: Socket, owner: SocketOwner): void {
  const owned = Object.assign(socket, { [OWNER]: owner });
  // TCP_NODELAY is on since the connection was accepted (relay/http/listener.ts): no second system call for it.
  owned.setTimeout(0);
  owned.on("data", onData);
  owned.on("end", onEnd);
  owned.on("error", onError);
  owned.on("close", onClose);
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[OWNER].read(chunk);
}

function onEnd(this: Socket): void {
  // Ending twice makes Node build an error with its stack for nobody: 3 % of a connect, join and close (bench W5).
  if (!this.writableEnded) this.end();
}

function onError(this: Socket): void {
  // Node destroys the socket after this event; its close tells the rest.
}

function onClose(this: OwnedSocket): void {
  this[OWNER].ended();
}
