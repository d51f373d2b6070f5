import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import { type Finding, ok, skipped, warned } from "./common/finding.ts";
import { SILENCE, within } from "./common/patience.ts";
import { words } from "./common/words.ts";
import type { Patient } from "./scene.ts";

const TIME_MS = 1000;
const ATTEMPTS = 2;
/** RFC 8489 section 5. */
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;

/** Asks the relay's STUN port (RFC 8489) for this machine's public address: whether UDP comes there and back. */
export async function checkUdp(
  patient: Patient,
  address: string | undefined,
  stunPort: number | undefined,
): Promise<Finding> {
  if (stunPort === undefined) return skipped("udp", `${words.noStunPort} (--stun)`);
  if (address === undefined) return skipped("udp", "not tested: only the proxy knows the relay's address");
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await isAnswered(patient, address, stunPort)) {
      return ok("udp", words.udpAnswered(stunPort));
    }
  }
  return warned("udp", words.udpUnanswered(stunPort));
}

async function isAnswered({ clock, opened }: Patient, address: string, port: number): Promise<boolean> {
  const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
  const closing = { destroy: () => socket.close() };
  opened.add(closing);
  const request = bindingRequest();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on("error", () => resolve(false));
  socket.on("message", (answer) => {
    if (isAnswerTo(request, answer)) resolve(true);
  });
  socket.send(request, port, address);
  const answer = await within(clock, TIME_MS, promise);
  opened.delete(closing);
  socket.close();
  return answer !== SILENCE && answer;
}

function bindingRequest(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(BINDING_REQUEST, 0);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  randomBytes(12).copy(header, 8);
  return header;
}

/** The same transaction, and a success. */
function isAnswerTo(request: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== BINDING_SUCCESS) return false;
  return answer.subarray(4, HEADER_BYTES).equals(request.subarray(4));
}
