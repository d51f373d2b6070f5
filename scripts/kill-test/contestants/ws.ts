import { WebSocket } from "ws";
import type { KillTestContestant, KillTestMember, MemberHooks, MemberSetting } from "../contestant.ts";

const RECONNECT_MS = 1000;
const SERVER_PATH = new URL("../servers/ws-server.ts", import.meta.url).pathname;

/** The floor: no more than a socket that is opened again. */
export const bareWs: KillTestContestant = {
  name: "ws",
  sentence:
    "a broadcast server on `ws`, and a client that dials again after a second and keeps what is published meanwhile",
  missing: () => undefined,
  command: ({ port, keyPath, certificatePath }) => [
    process.execPath,
    SERVER_PATH,
    String(port),
    keyPath,
    certificatePath,
  ],
  openMember: async (setting, hooks) => {
    const member = new BareMember(setting, hooks);
    await member.opened;
    return member;
  },
};

class BareMember implements KillTestMember {
  readonly opened: Promise<void>;
  readonly #setting: MemberSetting;
  readonly #hooks: MemberHooks;
  readonly #unsent: Uint8Array[] = [];
  readonly #onOpened: () => void;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(setting: MemberSetting, hooks: MemberHooks) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#onOpened = resolve;
    this.#setting = setting;
    this.#hooks = hooks;
    this.#dial();
  }

  publish(bytes: Uint8Array): Promise<void> {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
    else this.#unsent.push(bytes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
    return Promise.resolve();
  }

  #dial(): void {
    const { port, ca } = this.#setting;
    const socket = new WebSocket(`wss://127.0.0.1:${port}`, { ca, perMessageDeflate: false });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("open", () => {
      for (const bytes of this.#unsent.splice(0)) socket.send(bytes);
      this.#onOpened();
    });
    socket.on("message", (bytes: Buffer) => this.#hooks.onMessage(bytes));
    socket.on("close", () => {
      if (!this.#isClosed) this.#timer = setTimeout(() => this.#dial(), RECONNECT_MS);
    });
  }
}
