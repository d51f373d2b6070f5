import { isJsonObject, type JsonObject } from "../../json.ts";
import { type JsonMessage, type RawMember, readJsonMessage } from "../../json-members.ts";

/** A message may be for so many names. */
const MAX_ADDRESSEES = 64;
/** The relay's own, whatever a client writes. */
const STAMPED: ReadonlySet<string> = new Set(["id", "from", "to", "payload", "ts"]);
/** Behind `ts`, where the original has them; what it does not know comes after. */
const KNOWN = ["type", "ref"] as const;
/** Commands that its pages show without a payload. */
const WITHOUT_PAYLOAD: ReadonlySet<unknown> = new Set(["list_subscriptions", "ping"]);

/** What a client has sent. */
export type AgentMessage = {
  /** Names, `*` for all, `relay` for a command: in order, and each once. What is no string is nobody's name. */
  readonly to: ReadonlySet<string>;
  readonly type: unknown;
  readonly payload: unknown;
  /** As it is written. */
  readonly raw: JsonMessage["members"];
};

/** Who sends, under what id, and when: milliseconds since the epoch. */
export type Stamp = { readonly id: string; readonly from: string; readonly ts: number };

/** Reads a message, text or bytes. @returns what is wrong with it, in the original's words. */
export function readAgentMessage(bytes: Uint8Array): AgentMessage | string {
  const message = readJsonMessage(bytes);
  if (message === undefined) return "Malformed JSON";
  const { members: raw } = message;
  const { to, type, payload } = isJsonObject(message.value) ? message.value : NO_MEMBERS;
  if (!to) return MISSING;
  if (!Array.isArray(to)) return payload === undefined ? MISSING : "to field must be an array";
  if (to.length > MAX_ADDRESSEES) return `to field must have at most ${MAX_ADDRESSEES} entries`;
  const names = new Set((to as readonly unknown[]).filter((name) => typeof name === "string"));
  if (payload === undefined && !(names.has("relay") && WITHOUT_PAYLOAD.has(type))) return MISSING;
  return { to: names, type, payload, raw };
}

const NO_MEMBERS: JsonObject = {};
const MISSING = "Missing required fields: to, payload";

/** Writes a client's message for those it is for: what the client wrote stays as it is written. */
export function writeAgentMessage({ raw }: Pick<AgentMessage, "raw">, { id, from, ts }: Stamp): Uint8Array {
  const valueOf = (name: string): Uint8Array => raw.get(name)?.value ?? NULL;
  const pieces: (string | Uint8Array)[] = [`{"id":"${id}","from":"${from}","to":`, valueOf("to")];
  pieces.push(`,"payload":`, valueOf("payload"), `,"ts":${ts}`);
  for (const member of ordered(raw)) pieces.push(",", member.key, ":", member.value);
  pieces.push("}");
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

const NULL: Uint8Array = new TextEncoder().encode("null");

/** Members that are passed on, those first that the original knows. */
function ordered(raw: AgentMessage["raw"]): readonly RawMember[] {
  const known = KNOWN.map((name) => raw.get(name)).filter((member) => member !== undefined);
  const others = [...raw.values()].filter(({ name }) => !STAMPED.has(name) && !KNOWN.some((one) => one === name));
  return [...known, ...others];
}

/** Writes what the relay itself says to an agent. */
export function writeRelayMessage(
  to: string,
  type: string,
  payload: object | undefined,
  stamp: Omit<Stamp, "from">,
): Uint8Array {
  const { id, ts } = stamp;
  return Buffer.from(JSON.stringify({ id, from: "relay", to: [to], type, payload, ts }));
}
