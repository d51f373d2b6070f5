/** A JSON object as it came off the wire: nothing in it is trusted yet. */
export type UntrustedObject = Readonly<Record<string, unknown>>;

/** A message: an object with a `type`. */
type Message = { readonly type: string };

/** The one of these messages that has this type. */
type MessageOf<M extends Message, Type> = M extends { readonly type: infer Own }
  ? Type extends Own
    ? M
    : never
  : never;

/** The fields of one message in the order in which they are written, each with what tells whether a value may be it. */
export type Fields<M> = { readonly [Name in Exclude<keyof M, "type">]: (value: unknown) => value is M[Name] };

/** Every message of a protocol in one direction, with its fields. A new message, or a new field, is a line here. */
export type MessageTable<M extends Message> = { readonly [Type in M["type"]]: Fields<MessageOf<M, Type>> };

/**
 * What cannot be read as one of the messages in a table.
 * - `unknown`: a type that is not in it, such as one that is newer than the reader. Pass over it. `name` is its
 *   beginning, 64 characters at most.
 * - `invalid`: a known message, but for its first bad field; or, with the field `type`, no JSON object that has one.
 */
export type Unreadable =
  | { readonly type: "unknown"; readonly name: string }
  | { readonly type: "invalid"; readonly field: string };

const MAX_NAME_CHARACTERS = 64;

/** Parses text into an object, or undefined for anything that is not one (broken JSON, null, arrays, numbers). */
export function parseObject(text: string): UntrustedObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isObject(value) ? value : undefined;
}

/** Whether this is an object whose fields may be these; what else it has does not matter. */
export function hasFields<T>(value: unknown, fields: Fields<T>): value is T {
  if (!isObject(value)) return false;
  const checks = checksOf(fields);
  for (const name in checks) if (!checks[name]?.(value[name])) return false;
  return true;
}

/** Reads text as one of the messages in a table, with its fields and no others; an object in a field may have more. Never throws. */
export function readMessage<M extends Message>(table: MessageTable<M>, text: string): M | Unreadable {
  const object = parseObject(text);
  const type = object?.["type"];
  if (object === undefined || typeof type !== "string") return { type: "invalid", field: "type" };
  if (!isTypeOf(table, type)) return { type: "unknown", name: type.slice(0, MAX_NAME_CHARACTERS).toWellFormed() };
  const message: Record<string, unknown> = { type };
  const checks = checksOf(table[type]);
  // A list of the entries would be made for each message: decoding takes twice the time of JSON.parse then.
  for (const name in checks) {
    const value = object[name];
    if (!checks[name]?.(value)) return { type: "invalid", field: name };
    if (value !== undefined) message[name] = value;
  }
  return message as M;
}

/** Writes a message as JSON: its type first, then the fields of its table in their order, and no others. */
export function writeMessage<M extends Message>(table: MessageTable<M>, message: M): string {
  const given: UntrustedObject = message;
  const written: Record<string, unknown> = { type: message.type };
  for (const name in table[message.type as M["type"]]) written[name] = given[name];
  return JSON.stringify(written);
}

/** Own properties alone: `constructor` and its like are no messages. */
function isTypeOf<M extends Message>(table: MessageTable<M>, type: string): type is M["type"] {
  return Object.hasOwn(table, type);
}

function checksOf(fields: object): Readonly<Record<string, (value: unknown) => boolean>> {
  return fields as Readonly<Record<string, (value: unknown) => boolean>>;
}

function isObject(value: unknown): value is UntrustedObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
