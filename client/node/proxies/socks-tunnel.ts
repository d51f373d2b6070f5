import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { ProxyError } from "./proxy-error.ts";
import type { Proxy } from "./proxy-url.ts";
import { SocketReader } from "./socket-reader.ts";
import type { Target } from "./target.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
/** All words of the way in, with the longest name. */
const MAX_ANSWER_BYTES = 1024;
/** RFC 1928 section 6. */
const REPLIES: readonly string[] = [
  "",
  "it has failed itself",
  "its rules do not allow it",
  "it has no way to that network",
  "it has no way to that host",
  "the relay's machine refuses the connection",
  "the connection has expired",
  "it does not know the command",
  "it does not know this kind of address",
];
/** Of these only a person can change something. */
const LASTING_REPLIES: ReadonlySet<number> = new Set([2, 7, 8]);

/**
 * Opens a way to a target by a SOCKS 5 proxy (RFC 1928, with user and password RFC 1929). The proxy looks the name up.
 * @param socket to the proxy; nothing was said on it. The caller destroys it when this rejects.
 * @throws ProxyError `proxy-auth-required`, `proxy-refused`
 */
export async function openSocksTunnel(socket: Duplex, proxy: Proxy, target: Target): Promise<void> {
  const reader = new SocketReader(socket, MAX_ANSWER_BYTES);
  try {
    await signIn(socket, reader, proxy);
    socket.write(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), addressOf(target, proxy)]));
    const [, reply = 0, , kind = 0] = await versioned(reader, 4);
    if (reply !== 0) throw refusal(proxy, REPLIES[reply] ?? `SOCKS reply ${reply}`, !LASTING_REPLIES.has(reply));
    // Where the proxy connects from: of no use, but in the way.
    await reader.bytes((await boundLength(reader, kind)) + 2);
    if (reader.hasMore) throw new Error("more than its answer came");
  } catch (cause) {
    if (cause instanceof ProxyError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw refusal(proxy, `it gives no whole answer: ${text}`, true);
  }
}

async function signIn(socket: Duplex, reader: SocketReader, { user, shownUrl }: Proxy): Promise<void> {
  const methods = user === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USER_AND_PASSWORD];
  socket.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [, method = 0xff] = await versioned(reader, 2);
  if (method === NO_AUTHENTICATION) return;
  const failure = {
    proxy: shownUrl,
    schemes: [method === USER_AND_PASSWORD || user === undefined ? "user and password" : "another"],
  };
  if (user === undefined || method !== USER_AND_PASSWORD) {
    throw new ProxyError("proxy-auth-required", `${shownUrl} wants its user to sign in`, failure);
  }
  const name = Buffer.from(user.name);
  const password = Buffer.from(user.password);
  if (name.length > 255 || password.length > 255) {
    throw new ProxyError("proxy-invalid", "A user or password of SOCKS has at most 255 bytes", failure);
  }
  socket.write(Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([password.length]), password]));
  const [, status = 1] = await reader.bytes(2);
  if (status !== 0) {
    throw new ProxyError("proxy-auth-required", `${shownUrl} does not take this user and password`, failure);
  }
}

/** @throws Error where another protocol answers */
async function versioned(reader: SocketReader, count: number): Promise<Buffer> {
  const answer = await reader.bytes(count);
  if (answer[0] !== VERSION) throw new Error("what answers there speaks no SOCKS 5");
  return answer;
}

function addressOf({ hostname, port }: Target, proxy: Proxy): Buffer {
  const portBytes = Buffer.from([port >> 8, port & 255]);
  if (isIP(hostname) === 4) return Buffer.concat([Buffer.from([IPV4, ...hostname.split(".").map(Number)]), portBytes]);
  if (isIP(hostname) === 6) return Buffer.concat([Buffer.from([IPV6]), ipv6Bytes(hostname), portBytes]);
  const name = Buffer.from(hostname);
  if (name.length > 255) throw refusal(proxy, "the relay's name is too long for SOCKS", false);
  return Buffer.concat([Buffer.from([NAME, name.length]), name, portBytes]);
}

/** Of an address as a URL has it: eight groups, of which zeros may be left out once. */
function ipv6Bytes(address: string): Buffer {
  const [head = "", tail = ""] = address.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0);
  return Buffer.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]));
}

function groupsOf(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

async function boundLength(reader: SocketReader, kind: number): Promise<number> {
  if (kind === IPV4) return 4;
  if (kind === IPV6) return 16;
  if (kind !== NAME) throw new Error("its answer has an address of no kind");
  const [length = 0] = await reader.bytes(1);
  return length;
}

function refusal({ shownUrl }: Proxy, text: string, passes: boolean): ProxyError {
  return new ProxyError("proxy-refused", `${shownUrl} does not connect: ${text}`, { proxy: shownUrl, passes });
}
