import type { Clock } from "../../client/clock.ts";
import { Echo } from "../../client/doctor/common/echo.ts";
import { SILENCE, within } from "../../client/doctor/common/patience.ts";
import type { Dial, Socket, SocketEnd } from "../../client/line/socket.ts";

/** What came of a dial: something to ask by, where it is open. */
export type Opening =
  | { readonly kind: "open"; readonly echo: Echo }
  | { readonly kind: "ended" }
  | { readonly kind: "silent" };

/** What an opening takes. @property token undefined: none. */
export type OpeningParts = {
  readonly clock: Clock;
  readonly dial: Dial;
  readonly token: string | undefined;
  readonly timeMs: number;
};

/** Dials the relay, and asks by what opens. Never rejects. */
export async function openEcho(address: string, { clock, dial, token, timeMs }: OpeningParts): Promise<Opening> {
  const { promise, resolve } = Promise.withResolvers<Opening>();
  const echo = new Echo({ clock, send: (text) => socket.send(text), close: () => socket.close("") });
  const socket: Socket = dial(address, {
    onOpen: () => {
      if (token !== undefined) echo.authorize(token);
      resolve({ kind: "open", echo });
    },
    onText: (text) => echo.receive(text),
    onBytes: () => undefined,
    onEnd: (end) => {
      echo.ended(end.code ?? 1006, reasonOf(end));
      resolve({ kind: "ended" });
    },
  });
  const opening = await within(clock, timeMs, promise);
  if (opening !== SILENCE) return opening;
  socket.close("");
  return { kind: "silent" };
}

function reasonOf({ reason, cause }: SocketEnd): string {
  if (reason !== "") return reason;
  return cause instanceof Error ? cause.message : typeof cause === "string" ? cause : "";
}
