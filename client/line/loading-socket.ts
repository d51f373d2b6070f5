import { ConnectError } from "../errors.ts";
import type { Dial, Socket, SocketEvents } from "./socket.ts";

/**
 * Dials by what is loaded first, each time it is dialled.
 * @param load where it rejects, the socket ends with `load-failed` as its cause, and the next dial tries it again.
 */
export function loadingDial(load: () => Promise<Dial>): Dial {
  return (address, events) => new LoadingSocket(load, address, events);
}

/** A socket whose code is on its way. */
class LoadingSocket implements Socket {
  readonly #events: SocketEvents;
  #socket: Socket | undefined;
  #isOver = false;

  constructor(load: () => Promise<Dial>, address: string, events: SocketEvents) {
    this.#events = events;
    void this.#dial(load, address);
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0;
  }

  send(message: string | Uint8Array<ArrayBuffer>, roomBytes?: number): void {
    this.#socket?.send(message, roomBytes);
  }

  close(reason: string): void {
    if (this.#socket !== undefined) return this.#socket.close(reason);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd({ code: 1000, reason });
  }

  /** Never rejects. */
  async #dial(load: () => Promise<Dial>, address: string): Promise<void> {
    try {
      const dial = await load();
      if (!this.#isOver) this.#socket = dial(address, this.#events);
    } catch (cause) {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#events.onEnd({ code: undefined, reason: "", cause: new ConnectError("load-failed", { cause }) });
    }
  }
}
