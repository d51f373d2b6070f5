import type { ClientRequest, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Refusal } from "../line/socket.ts";
import { readRefusal } from "../node/refused-upgrade.ts";
import type { CauseName } from "./common/causes.ts";
import { Echo } from "./common/echo.ts";
import { type Finding, failed, ok } from "./common/finding.ts";
import { SILENCE, stopwatch, within } from "./common/patience.ts";
import type { Patient, Way } from "./scene.ts";

const TIME_MS = 5000;

/** @property webSocket where it is open. */
export type UpgradeFound = { readonly finding: Finding; readonly webSocket?: WebSocket | undefined };

type Opening =
  | { readonly kind: "open"; readonly webSocket: WebSocket }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly text: string }
  | { readonly kind: "failed"; readonly text: string };

/** What the relay's own refusals mean, by their HTTP status. */
const causesByStatus: Readonly<Record<number, CauseName>> = {
  401: "unauthorized",
  403: "address-refused",
  404: "not-a-relay",
  426: "upgrade-stripped",
  429: "rate-limited",
  503: "relay-busy",
};

/** Asks for a WebSocket. @param isRelayThere whether another request was answered by a relay. */
export async function checkUpgrade(patient: Patient, way: Way, isRelayThere: boolean): Promise<UpgradeFound> {
  const tookMs = stopwatch(patient.clock);
  const opening = await within(patient.clock, TIME_MS, openWebSocket(patient, way));
  if (opening === SILENCE) {
    const cause = isRelayThere ? "upgrade-refused" : "unexplained";
    return { finding: failed("upgrade", cause, `no answer to the upgrade in ${TIME_MS} ms`) };
  }
  switch (opening.kind) {
    case "open":
      return { finding: opened(tookMs()), webSocket: opening.webSocket };
    case "refused":
      return { finding: failed("upgrade", causeOf(opening.refusal, isRelayThere), opening.text) };
    case "failed":
      return { finding: failed("upgrade", isRelayThere ? "upgrade-refused" : "connection-cut", opening.text) };
  }
}

function opened(tookMs: number): Finding {
  return ok("upgrade", `HTTP 101 in ${tookMs} ms`, { tookMs });
}

/** Opens a WebSocket to the relay. Never rejects. */
async function openWebSocket(patient: Patient, way: Way): Promise<Opening> {
  let socket: Awaited<ReturnType<Way>>;
  try {
    socket = await way();
  } catch (error) {
    return { kind: "failed", text: error instanceof Error ? error.message : String(error) };
  }
  const { promise, resolve } = Promise.withResolvers<Opening>();
  const webSocket = new WebSocket(patient.url.href, SUBPROTOCOL_V1, {
    perMessageDeflate: false,
    createConnection: () => socket,
  });
  patient.opened.add({ destroy: () => webSocket.terminate() });
  webSocket.on("open", () => resolve({ kind: "open", webSocket }));
  webSocket.on("error", (error) => resolve({ kind: "failed", text: error.message }));
  webSocket.on("unexpected-response", (question: ClientRequest, response: IncomingMessage) => {
    void refused(question, response).then(resolve);
  });
  return promise;
}

async function refused(question: ClientRequest, response: IncomingMessage): Promise<Opening> {
  const { refusal, text } = await readRefusal(response);
  question.destroy();
  return { kind: "refused", refusal, text };
}

/** A refusal is the relay's own where it bears a word of it. */
function causeOf({ status = 0, word }: Refusal, isRelayThere: boolean): CauseName {
  if (word !== undefined) return causesByStatus[status] ?? "unexplained";
  if (isRelayThere) return status >= 500 ? "relay-down" : "upgrade-refused";
  return status >= 500 ? "relay-down" : "page-instead";
}

/** Asks by this WebSocket, as this client. */
export function echoOver({ clock, token }: Patient, webSocket: WebSocket): Echo {
  const echo = new Echo({
    clock,
    send: (text) => webSocket.send(text),
    close: () => webSocket.close(1000),
  });
  webSocket.on("message", (data: Buffer, isBinary) => {
    if (!isBinary) echo.receive(data.toString());
  });
  webSocket.on("close", (code, reason) => echo.ended(code, reason.toString()));
  if (token !== undefined) echo.authorize(token);
  return echo;
}
