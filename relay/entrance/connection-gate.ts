import type { Server, Socket } from "node:net";
import type { Clock, Timer } from "../clock.ts";
import { Counter } from "../counter.ts";
import { type Networks, plainAddress } from "../limits/address.ts";
import type { AddressLimits } from "../limits/address-limits.ts";
import type { Returners } from "../limits/returners.ts";
import type { ClientAddresses } from "./client-address.ts";
import { readProxyHeader } from "./proxy-protocol.ts";

/** Why a connection is closed before a byte of TLS: a closed set, it is a label. */
const gateRefusals = [
  "address-denied",
  "address-rate",
  "too-many-handshakes",
  "too-many-handshakes-from-address",
  "returning",
  "proxy-header",
] as const;
type GateRefusal = (typeof gateRefusals)[number];

/** What is known of a connection before its first request. */
export type Arrived = {
  /** The socket's, or the one that the PROXY protocol told. */
  readonly address: string;
  /** It may be a proxy that speaks for others: whose, its headers say. */
  readonly isForwarding: boolean;
  /** Its address opens connections faster than it may: an upgrade is to be refused with 429. */
  readonly isOverRate: boolean;
};

/** Connections that were not let in, or found no place among those of HTTP, since the start; what is in flight, open or kept is now. */
export type GateCounts = {
  readonly refused: Readonly<Record<GateRefusal, number>>;
  readonly httpRefused: number;
  readonly handshakesInFlight: number;
  readonly httpConnections: number;
  readonly addresses: number;
};

/** What the gate uses. */
export type GateParts = {
  readonly clock: Clock;
  readonly limits: AddressLimits;
  readonly returners: Returners;
  readonly addresses: ClientAddresses;
  readonly denied: Networks;
  readonly trustedProxies: Networks;
};

/** What tunes it. */
export type GateOptions = { readonly proxyProtocol: boolean; readonly handshakeTimeoutMs: number };

/** How long who comes back whatever it is told waits before TLS. */
const PARKED_MS = 1000;

/** What a connection counts as: one on its way in, one of plain HTTP, one of a session that polls, or what others count. */
type Stage = "handshake" | "http" | "polling" | "over";

/** @property countedAs undefined where its address stands for many clients. */
type Entry = Arrived & { readonly countedAs: string | undefined; stage: Stage };

/**
 * Stands between accepted connections and the server: who may not connect, or comes too fast, costs no TLS. Behind a
 * proxy that speaks the PROXY protocol it reads who the client is first.
 */
export class ConnectionGate {
  readonly #parts: GateParts;
  readonly #options: GateOptions;
  /** By both ends of the connection: a server tells of TLS sockets, and they do not tell theirs. */
  readonly #entries = new Map<string, Entry>();
  readonly #refused = new Counter(gateRefusals);
  #httpRefused = 0;

  constructor(parts: GateParts, options: GateOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Takes the server's connections; those that are let in go on to whoever listened for them before. */
  guard(server: Server): void {
    const listeners = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      this.#opened(socket, () => {
        for (const listener of listeners) Reflect.apply(listener, server, [socket]);
      });
    });
  }

  /** What is known of a connection, by its socket or the TLS socket on it; undefined where it is gone. */
  arrivedOn(socket: Socket): Arrived | undefined {
    return this.#entries.get(keyOf(socket));
  }

  /** The connection is a WebSocket from now on, and counts among those. */
  upgraded(socket: Socket): void {
    const entry = this.#entries.get(keyOf(socket));
    if (entry !== undefined) this.#leaveStage(entry);
  }

  /**
   * A plain request has come: the connection is one of HTTP from now on, if there is a place among those. Idle ones may
   * live for minutes, and must not keep others from coming in.
   * @returns whether it has a place. One without has to end with its answer.
   */
  requested(socket: Socket): boolean {
    const entry = this.#entries.get(keyOf(socket));
    if (entry === undefined) return false;
    if (entry.stage === "handshake" && this.#parts.limits.tryHttp(entry.countedAs)) {
      this.#leaveStage(entry);
      entry.stage = "http";
    }
    if (entry.stage === "http" || entry.stage === "polling") return true;
    this.#httpRefused += 1;
    return false;
  }

  /** The connection is one of a client that polls from now on, and counts with that. */
  polls(socket: Socket): void {
    const entry = this.#entries.get(keyOf(socket));
    if (entry === undefined) return;
    this.#leaveStage(entry);
    entry.stage = "polling";
  }

  /** Its session is over: it is one of plain HTTP, if there is a place among those. */
  pollsNoMore(socket: Socket): void {
    const entry = this.#entries.get(keyOf(socket));
    if (entry?.stage === "polling") entry.stage = this.#parts.limits.tryHttp(entry.countedAs) ? "http" : "over";
  }

  counts(): GateCounts {
    return {
      refused: this.#refused.read(),
      httpRefused: this.#httpRefused,
      httpConnections: this.#parts.limits.httpCount,
      handshakesInFlight: this.#parts.limits.handshakeCount,
      addresses: this.#parts.limits.addressCount,
    };
  }

  #opened(socket: Socket, pass: () => void): void {
    const address = plainAddress(socket.remoteAddress ?? "");
    // Gone while it waited to be accepted.
    if (address === undefined) socket.destroy();
    else if (this.#options.proxyProtocol && this.#parts.trustedProxies.has(address)) {
      this.#readHeader(socket, address, pass);
    } else this.#admit(socket, this.#from(address), pass);
  }

  /** The header has to come whole, in the time of a handshake; what came behind it goes to the server. */
  #readHeader(socket: Socket, proxyAddress: string, pass: () => void): void {
    let bytes = Buffer.alloc(0);
    const refuse = (): void => this.#refuse(socket, "proxy-header");
    const timer: Timer = this.#parts.clock.after(this.#options.handshakeTimeoutMs, refuse);
    const stop = (): void => {
      timer.cancel();
      socket.removeListener("readable", onReadable);
      socket.removeListener("end", refuse);
    };
    const onReadable = (): void => {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.outcome === "incomplete") return;
      stop();
      if (header.outcome === "broken") refuse();
      else {
        if (bytes.length > header.byteCount) socket.unshift(bytes.subarray(header.byteCount));
        // Not at once: until the next turn the stream remembers that somebody read it.
        setImmediate(() => {
          socket.removeListener("error", ignoreError);
          if (socket.destroyed) return;
          // Told no client, it is not HTTP that the proxy speaks: what the headers say is its client's own word.
          if (header.source === undefined) this.#admit(socket, { address: proxyAddress, isForwarding: false }, pass);
          else this.#admit(socket, this.#from(header.source), pass);
        });
      }
    };
    socket.on("error", ignoreError);
    socket.once("close", stop);
    socket.once("end", refuse);
    socket.on("readable", onReadable);
  }

  #from(address: string): Pick<Arrived, "address" | "isForwarding"> {
    return { address, isForwarding: this.#parts.addresses.isForwarding(address) };
  }

  #admit(socket: Socket, from: Pick<Arrived, "address" | "isForwarding">, pass: () => void): void {
    const { clock, limits, returners, denied } = this.#parts;
    const { address, isForwarding } = from;
    const nowMs = clock.monotonicMs();
    // The connections of a proxy are those of its clients: whose, is in their requests.
    const arrival = isForwarding ? "ok" : limits.arrived(address, nowMs);
    if (denied.has(address)) return this.#refuse(socket, "address-denied");
    if (arrival === "flooding") return this.#refuse(socket, "address-rate");
    const countedAs = isForwarding ? undefined : address;
    const handshake = limits.beginHandshake(countedAs);
    if (handshake !== "ok") return this.#refuse(socket, handshake);
    const parking = isForwarding ? "pass" : returners.park(address);
    if (parking === "drop") {
      limits.endHandshake(countedAs, nowMs);
      return this.#refuse(socket, "returning");
    }

    const key = keyOf(socket);
    const entry: Entry = { ...from, isOverRate: arrival === "over-rate", countedAs, stage: "handshake" };
    this.#entries.set(key, entry);
    socket.once("close", () => {
      // The same two ends may have a new connection by now.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      this.#leaveStage(entry);
    });
    if (parking === "wait") this.#park(socket, address, pass);
    else pass();
  }

  /** Nobody reads meanwhile: what the client sends waits in the socket. */
  #park(socket: Socket, address: string, pass: () => void): void {
    const { clock, returners } = this.#parts;
    const unpark = (): void => returners.unpark(address);
    const timer = clock.after(PARKED_MS, () => {
      socket.removeListener("close", onClose);
      socket.removeListener("error", ignoreError);
      unpark();
      if (!socket.destroyed) pass();
    });
    const onClose = (): void => {
      timer.cancel();
      unpark();
    };
    socket.once("close", onClose);
    socket.on("error", ignoreError);
  }

  #leaveStage(entry: Entry): void {
    const { limits, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (entry.stage === "handshake") limits.endHandshake(entry.countedAs, nowMs);
    else if (entry.stage === "http") limits.endHttp(entry.countedAs, nowMs);
    entry.stage = "over";
  }

  #refuse(socket: Socket, reason: GateRefusal): void {
    this.#refused.add(reason);
    socket.on("error", ignoreError);
    socket.destroy();
  }
}

/** The port of this end is always the same. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function ignoreError(): void {
  // Node destroys the socket after this event; its close tells the rest.
}
