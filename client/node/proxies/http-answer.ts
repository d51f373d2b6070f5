import type { SocketReader } from "./socket-reader.ts";

/** The answer of an HTTP proxy to CONNECT. */
export type ProxyAnswer = {
  readonly status: number;
  /** The status and its phrase, for people: `403 Forbidden`. */
  readonly shownStatus: string;
  /** All fields `Proxy-Authenticate`. */
  readonly authenticate: readonly string[];
  /** It was read to its end, and the connection may be asked again. */
  readonly isReusable: boolean;
  /** What has come of its page by now, as it came; "" for a 407 and for a success. */
  readonly page: string;
};

/** The status by which a proxy wants its user to sign in (RFC 9110 section 15.5.8). */
export const PROXY_AUTHENTICATION_REQUIRED = 407;

const MAX_PHRASE_CHARACTERS = 80;
const MAX_PAGE_BYTES = 8192;

/**
 * Reads one answer (RFC 9112): its head, and of a 407 the body too, which is thrown away. The reader bounds what may come. The page of a
 * refusal is not waited for.
 * @throws Error where it is no HTTP, or the connection ends within the head
 */
export async function readProxyAnswer(reader: SocketReader): Promise<ProxyAnswer> {
  let head = await readHead(reader);
  // RFC 9110 section 15.2: any number of these may come before the answer.
  while (head.status < 200) head = await readHead(reader);
  const { status, phrase, version, fields } = head;
  // Another answer is the last one; a success has no body, whatever its fields say (RFC 9110 section 9.3.6).
  const hasEnd = status === PROXY_AUTHENTICATION_REQUIRED && (await skipBody(reader, fields).catch(() => false));
  const connection = [...(fields.get("proxy-connection") ?? []), ...(fields.get("connection") ?? [])].join(",");
  const staysOpen = version === "1.1" ? !/close/i.test(connection) : /keep-alive/i.test(connection);
  return {
    status,
    shownStatus: `${status} ${phrase}`.trim(),
    authenticate: fields.get("proxy-authenticate") ?? [],
    isReusable: hasEnd && staysOpen,
    page:
      status < 300 || status === PROXY_AUTHENTICATION_REQUIRED ? "" : reader.waiting(MAX_PAGE_BYTES).toString("utf8"),
  };
}

type Fields = ReadonlyMap<string, readonly string[]>;
type Head = { readonly status: number; readonly phrase: string; readonly version: string; readonly fields: Fields };

async function readHead(reader: SocketReader): Promise<Head> {
  const line = await reader.line();
  const [, version = "", status = "", phrase = ""] = /^HTTP\/(1\.\d) ([1-9]\d\d)(?: (.*))?$/.exec(line) ?? [];
  if (version === "") throw new Error("what answers there speaks no HTTP");
  const fields = new Map<string, string[]>();
  for (let field = await reader.line(); field !== ""; field = await reader.line()) {
    const colon = field.indexOf(":");
    const name = field.slice(0, colon).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), field.slice(colon + 1).trim()]);
  }
  const shown = phrase.replace(/[^\x20-\x7e]/g, " ").slice(0, MAX_PHRASE_CHARACTERS);
  return { status: Number(status), phrase: shown, version, fields };
}

/** @returns whether it has an end that can be known; then that was read. */
async function skipBody(reader: SocketReader, fields: Fields): Promise<boolean> {
  const coding = fields.get("transfer-encoding")?.at(-1);
  if (coding !== undefined) {
    if (!/(?:^|,)\s*chunked$/i.test(coding)) return false;
    await skipChunks(reader);
    return true;
  }
  const length = fields.get("content-length")?.at(-1) ?? "";
  if (!/^\d{1,15}$/.test(length)) return false;
  await reader.bytes(Number(length));
  return true;
}

/** RFC 9112 section 7.1. */
async function skipChunks(reader: SocketReader): Promise<void> {
  for (;;) {
    const [size = ""] = (await reader.line()).split(";");
    const count = /^[\da-f]{1,8}$/i.test(size.trim()) ? Number.parseInt(size, 16) : Number.NaN;
    if (Number.isNaN(count)) throw new Error("a chunk of the proxy's answer has no size");
    if (count === 0) break;
    await reader.bytes(count);
    await reader.line();
  }
  while ((await reader.line()) !== "") {
    // Trailers say nothing that is wanted.
  }
}
