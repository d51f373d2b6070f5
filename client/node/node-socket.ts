import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Dial, Socket, SocketEnd, SocketEvents } from "../line/socket.ts";
import { explained } from "./explained.ts";
import { sendWhenTrusted } from "./pinned.ts";
import { readRefusal } from "./refused-upgrade.ts";

/** Whom to trust, and which way to go. */
export type NodeDialOptions = {
  /** PEM, in place of all other roots. Left out: those that Node brings, and those of the system. */
  readonly ca?: string | readonly string[] | undefined;
  /** SHA-256 of the one certificate to trust, as Node writes it: `AA:BB:...`. */
  readonly fingerprint?: string | undefined;
  readonly agent?: Agent | undefined;
};

/** As large as a relay may ever be told to take and give, with the envelope of JSON. */
const MAX_MESSAGE_BYTES = 71_303_168;
/**
 * `ws` ends itself above so many pongs that cannot be written: 60 unless it is told another number, which is half an hour
 * of a sender whom the relay does not read. Some hundred bytes each.
 */
const MAX_PENDING_PONGS = 10_000;
/** How long the closing handshake may take before the connection is cut. */
const CLOSE_TIMEOUT_MS = 2000;
/** Node gives up an address after 250 ms: one lost SYN, or a line with 600 ms, fails then. */
const ADDRESS_TIMEOUT_MS = 3000;
const NO_CODES: ReadonlySet<number> = new Set([1005, 1006]);

/** What `ws` takes and its types do not name. */
type AllOptions = ClientOptions & {
  readonly maxPendingAutoPongs: number;
  readonly closeTimeout: number;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly secureContext?: SecureContext | undefined;
};

/** Dials with `ws`, which tells why a connection failed and closes as it should on every Node. */
export function nodeDial(options: NodeDialOptions = {}): Dial {
  return (address, events) => new NodeSocket(address, events, options);
}

class NodeSocket implements Socket {
  readonly #events: SocketEvents;
  readonly #socket: WebSocket | undefined;
  #cause: unknown;
  #isOver = false;

  constructor(address: string, events: SocketEvents, options: NodeDialOptions) {
    this.#events = events;
    try {
      this.#socket = new WebSocket(address, SUBPROTOCOL_V1, {
        ...dialOptions(address, options),
        finishRequest: (request: ClientRequest) =>
          sendWhenTrusted(request, options.fingerprint, (cause) => this.#fail(cause)),
      });
      this.#listen(this.#socket, new URL(address).hostname);
    } catch (cause) {
      queueMicrotask(() => this.#end({ code: undefined, reason: "", cause }));
    }
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(message: string | Uint8Array): void {
    if (!this.#isOver && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  close(reason: string): void {
    this.#end({ code: 1000, reason });
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close(1000, reason);
    else this.#socket?.terminate();
  }

  #listen(socket: WebSocket, hostname: string): void {
    socket.on("upgrade", ({ socket: stream }: IncomingMessage) => {
      // Behind the listener of ws, which is added in this turn: the bytes are its own.
      queueMicrotask(() => stream.on("data", () => !this.#isOver && this.#events.onBytesSeen?.()));
      stream.on("drain", () => !this.#isOver && this.#events.onDrained?.());
    });
    socket.on("open", () => !this.#isOver && this.#events.onOpen());
    socket.on("message", (data: Buffer, isBinary) => {
      if (this.#isOver) return;
      if (isBinary) this.#events.onBytes(data);
      else this.#events.onText(data.toString());
    });
    socket.on("unexpected-response", (request, response) => void this.#refused(request, response));
    // The close event follows each error.
    socket.on("error", (error) => (this.#cause ??= explained(error, hostname)));
    socket.on("close", (code, reason) =>
      this.#end({ code: NO_CODES.has(code) ? undefined : code, reason: reason.toString(), cause: this.#cause }),
    );
  }

  async #refused(request: ClientRequest, response: IncomingMessage): Promise<void> {
    const { refusal, text } = await readRefusal(response);
    request.destroy();
    this.#end({ code: undefined, reason: "", cause: new Error(text), refusal });
  }

  #fail(cause: Error): void {
    this.#end({ code: undefined, reason: "", cause });
    this.#socket?.terminate();
  }

  #end(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd(end);
  }
}

function dialOptions(address: string, options: NodeDialOptions): AllOptions {
  return {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    maxPendingAutoPongs: MAX_PENDING_PONGS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    agent: options.agent,
    ...trustOptions(options, address.startsWith("wss:")),
  };
}

/** How a socket connects, and what a TLS one trusts. */
export type TrustOptions = {
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly rejectUnauthorized: boolean;
  readonly ca?: string | string[];
  readonly secureContext?: SecureContext;
};

/** The same for a WebSocket and for plain requests. */
export function trustOptions({ ca, fingerprint }: NodeDialOptions, isTls: boolean): TrustOptions {
  return {
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    rejectUnauthorized: fingerprint === undefined,
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
    ...(isTls && ca === undefined && fingerprint === undefined ? { secureContext: allRoots() } : {}),
  };
}

let rootsContext: SecureContext | undefined;

/** Node's own roots with those of `NODE_EXTRA_CA_CERTS`, and the system's: read once, as it takes a while. */
function allRoots(): SecureContext {
  rootsContext ??= createSecureContext({
    ca: [...new Set([...getCACertificates("default"), ...getCACertificates("system")])],
  });
  return rootsContext;
}
