import type { ClientRequest, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { UpgradeRefusal } from "../line/socket.ts";
import { readRefusal } from "../node/refused-upgrade.ts";
import type { CauseName } from "./causes.ts";
import { type Finding, failed, ok } from "./finding.ts";
import { SILENCE, within } from "./patience.ts";
import { type Patient, stopwatch, type Way } from "./scene.ts";

const TIME_MS = 5000;

/** @property webSocket where it is open. */
export type UpgradeFound = { readonly finding: Finding; readonly webSocket?: WebSocket | undefined };

type Opening =
  | { readonly kind: "open"; readonly webSocket: WebSocket }
  | { readonly kind: "refused"; readonly refusal: UpgradeRefusal; readonly text: string }
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
      return { finding: ok("upgrade", `HTTP 101 in ${tookMs()} ms`), webSocket: opening.webSocket };
    case "refused":
      return { finding: failed("upgrade", causeOf(opening.refusal, isRelayThere), opening.text) };
    case "failed":
      return { finding: failed("upgrade", isRelayThere ? "upgrade-refused" : "connection-cut", opening.text) };
  }
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
function causeOf({ status, word }: UpgradeRefusal, isRelayThere: boolean): CauseName {
  if (word !== undefined) return causesByStatus[status] ?? "unexplained";
  if (isRelayThere) return status >= 500 ? "relay-down" : "upgrade-refused";
  return status >= 500 ? "relay-down" : "page-instead";
}
