import { isJsonObject, type JsonObject } from "../../json.ts";
import { type JsonMessage, membersOf, type RawMember } from "../../json-members.ts";
import type { NodeFacts } from "./mesh-nodes.ts";

/** A node may say so much of itself: what is more is left out. */
const MAX_NAME_CHARACTERS = 128;
const MAX_CAPABILITIES = 64;
const MAX_CAPABILITY_CHARACTERS = 64;
/** The default name is the first characters of an id. */
const SHORT_CHARACTERS = 8;
/** What clients take in one message is a MiB; a list of nodes that is longer goes on in messages of its own. */
const MAX_LIST_BYTES = 900_000;
/** A request is not given its text twice where that would be more than clients take. */
const MAX_DERIVED_BYTES = 400_000;

/** A longer id is known by its beginning: what is kept of requests is bounded. */
const MAX_KEY_CHARACTERS = 128;

const EMPTY_OBJECT: Uint8Array = Buffer.from("{}");
const NULL: Uint8Array = Buffer.from("null");
const AUTO: Uint8Array = Buffer.from('"auto"');

type Piece = string | Uint8Array;

/** Puts a message together of what is written here and what its sender wrote. */
function join(...pieces: readonly Piece[]): Uint8Array {
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

/** Writes what the relay itself says. */
export function writeMessage(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** The default name of a node, or of a mesh. */
export function shortNameOf(id: string): string {
  return id.slice(0, SHORT_CHARACTERS);
}

/** The name that somebody gives, if it is one. */
export function nameIn(value: unknown, id: string): string {
  return typeof value === "string" && value !== "" ? value.slice(0, MAX_NAME_CHARACTERS) : shortNameOf(id);
}

/** The capabilities that a node gives: those that are words. */
export function capabilitiesIn(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const words = (value as readonly unknown[]).filter((word) => typeof word === "string");
  return words.filter(({ length }) => length <= MAX_CAPABILITY_CHARACTERS).slice(0, MAX_CAPABILITIES);
}

/** What the others are told of a node that has come. */
export function writePeerJoined({ nodeId, name, capabilities, isFounder }: NodeFacts): Uint8Array {
  return writeMessage({ type: "peer_joined", node_id: nodeId, name, capabilities, is_founder: isFounder });
}

/** Who is there, for one who has come: one message, and as many more as it takes. */
export function* writePeers(nodes: Iterable<NodeFacts>): Iterable<Uint8Array> {
  const listed: string[] = [];
  const further: Uint8Array[] = [];
  let byteCount = 0;
  for (const facts of nodes) {
    const { nodeId, name, capabilities, isFounder, joinedAt } = facts;
    const peer = { node_id: nodeId, name, capabilities, is_founder: isFounder, joined_at: joinedAt };
    const text = JSON.stringify(peer);
    byteCount += Buffer.byteLength(text) + 1;
    if (byteCount <= MAX_LIST_BYTES) listed.push(text);
    else further.push(writePeerJoined(facts));
  }
  yield Buffer.from(`{"type":"peers","peers":[${listed.join(",")}]}`);
  yield* further;
}

/** A payload for all: where it is an object, `from` in it is the sender, whatever was written there. */
export function writeBroadcast(from: string, { members }: JsonMessage): Uint8Array {
  const payload = members.get("payload")?.value ?? EMPTY_OBJECT;
  return join(`{"type":"message","from":${JSON.stringify(from)},"payload":`, stamped(payload, from), "}");
}

/** A payload for one, as it is. */
export function writeDirect(from: string, { members }: JsonMessage): Uint8Array {
  const payload = members.get("payload")?.value ?? EMPTY_OBJECT;
  return join(`{"type":"message","from":${JSON.stringify(from)},"payload":`, payload, "}");
}

/** A message of another type for one: as it is, but for who it is from. */
export function writeRouted(type: string, from: string, { members }: JsonMessage): Uint8Array {
  const others = [...members.values()].filter(({ name }) => name !== "type" && name !== "from");
  return join(head(type, from), ...others.flatMap(asMember), "}");
}

/** An answer to a request: all that the one who answers has written, but null. */
export function writeAnswer(from: string, { members }: JsonMessage): Uint8Array {
  const own: ReadonlySet<string> = new Set(["type", "from", "target"]);
  const others = [...members.values()].filter(({ name, value }) => !own.has(name) && !Buffer.from(value).equals(NULL));
  return join(head("llm_response", from), ...others.flatMap(asMember), "}");
}

/**
 * A request for who can answer it, with `prompt` and `messages`, each made of the other where it is not there.
 * @param type under which it goes on.
 */
export function writeRequest(type: string, from: string, message: JsonMessage): Uint8Array {
  const { members } = message;
  const pieces: Piece[] = [head(type, from), `,"request_id":`, members.get("request_id")?.value ?? NULL];
  const { messages, prompt } = requestTexts(message);
  if (messages !== undefined) pieces.push(`,"messages":`, messages);
  if (prompt !== undefined) pieces.push(`,"prompt":`, prompt);
  const model = members.get("model")?.value ?? AUTO;
  pieces.push(`,"model":`, Buffer.from(model).equals(NULL) ? AUTO : model, "}");
  return join(...pieces);
}

/** Under what a request is known until it is answered: its id, however it is written. */
export function requestKeyOf({ request_id: id }: JsonObject): string {
  return typeof id === "string" || typeof id === "number" ? JSON.stringify(id).slice(0, MAX_KEY_CHARACTERS) : "null";
}

function requestTexts({ value, members }: JsonMessage): {
  readonly messages: Piece | undefined;
  readonly prompt: Piece | undefined;
} {
  const { messages, prompt } = isJsonObject(value) ? value : NOTHING;
  const list: readonly unknown[] = Array.isArray(messages) ? messages : [];
  const rawMessages = list.length > 0 ? members.get("messages")?.value : undefined;
  const rawPrompt = typeof prompt === "string" ? members.get("prompt")?.value : undefined;
  const mayDerive = (rawMessages ?? rawPrompt ?? NULL).length <= MAX_DERIVED_BYTES;
  if (rawMessages === undefined && rawPrompt !== undefined && mayDerive)
    return { messages: join('[{"role":"user","content":', rawPrompt, "}]"), prompt: rawPrompt };
  const last = rawPrompt === undefined && mayDerive ? lastContentOf(list) : undefined;
  return { messages: rawMessages, prompt: rawPrompt ?? (last === undefined ? undefined : JSON.stringify(last)) };
}

/** What the last message of a conversation says. */
function lastContentOf(messages: readonly unknown[]): string | undefined {
  const last = messages.at(-1);
  const { content } = isJsonObject(last) ? last : NOTHING;
  return typeof content === "string" ? content : undefined;
}

function head(type: string, from: string): string {
  return `{"type":${JSON.stringify(type)},"from":${JSON.stringify(from)}`;
}

function asMember({ key, value }: RawMember): readonly Piece[] {
  return [",", key, ":", value];
}

/** An object with `from` in it, in its place where it has one; what is no object stays as it is. */
function stamped(payload: Uint8Array, from: string): Uint8Array {
  if (payload[0] !== OPEN) return payload;
  const text = JSON.stringify(from);
  const members = membersOf(payload);
  if (members.length === 0) return join(`{"from":${text}}`);
  if (members.every(({ name }) => name !== "from"))
    return join(payload.subarray(0, payload.lastIndexOf(CLOSE)), `,"from":${text}}`);
  const at = members.findIndex(({ name }) => name === "from");
  const kept = members.flatMap((member, index): readonly Piece[] => {
    if (index === at) return [`,"from":${text}`];
    return member.name === "from" ? [] : asMember(member);
  });
  // Without the comma of the first one.
  const [first = "", ...rest] = kept;
  return join("{", typeof first === "string" ? first.slice(1) : first, ...rest, "}");
}

const NOTHING: JsonObject = {};
const OPEN = 0x7b;
const CLOSE = 0x7d;
