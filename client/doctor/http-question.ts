import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { type HttpAnswer, MAX_BODY_BYTES } from "./common/http-answer.ts";
import { SILENCE, within } from "./common/patience.ts";
import { hostOf, type Patient, portOf } from "./scene.ts";

const TIME_MS = 5000;

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

/** Never rejects. */
async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const { location, date, via } = response.headers;
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
  return { status: response.statusCode ?? 0, server, location, date, via, body: body.slice(0, MAX_BODY_BYTES) };
}
