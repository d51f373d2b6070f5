import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { SILENCE, within } from "./patience.ts";
import { hostOf, type Patient, portOf } from "./scene.ts";

const TIME_MS = 5000;
/** What a relay says of itself is shorter. */
const MAX_BODY_BYTES = 4096;

/** The answer to a request. @property body its beginning. @property date as it was sent, or undefined. */
export type HttpAnswer = {
  readonly status: number;
  readonly server: string | undefined;
  readonly location: string | undefined;
  readonly date: string | undefined;
  readonly body: string;
};

/** Asks for the relay's address as a program does, not as a browser. @returns undefined where no answer comes. Never rejects. */
export async function askPlainly(patient: Patient, socket: Socket): Promise<HttpAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<HttpAnswer | undefined>();
  const question = request({
    host: hostOf(patient),
    port: portOf(patient),
    path: patient.url.pathname,
    headers: { host: patient.url.host, accept: "application/json" },
    createConnection: () => socket,
  });
  question.on("error", () => resolve(undefined));
  question.on("response", (response) => void readAnswer(response).then(resolve));
  question.end();
  const answer = await within(patient.clock, TIME_MS, promise);
  socket.destroy();
  return answer === SILENCE ? undefined : answer;
}

/** Whether it is what a relay of this kind says of itself. */
export function isRelay({ body }: HttpAnswer): boolean {
  try {
    const said: unknown = JSON.parse(body);
    return typeof said === "object" && said !== null && "service" in said && said.service === "postern";
  } catch {
    return false;
  }
}

/** Whether somebody in front says that there is nobody behind. */
export function isGatewayError({ status }: HttpAnswer): boolean {
  return status === 502 || status === 503 || status === 504;
}

/** Never rejects. */
async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const { location, date } = response.headers;
  // Its type is that of a header that nobody knows.
  const server = [response.headers["server"]].flat()[0];
  let body = "";
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length >= MAX_BODY_BYTES) break;
    }
  } catch {
    // What has come by then has to do.
  }
  return { status: response.statusCode ?? 0, server, location, date, body: body.slice(0, MAX_BODY_BYTES) };
}
