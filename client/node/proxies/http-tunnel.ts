import type { Socket } from "node:net";
import type { OnProxyAuth } from "../../relay.ts";
import { parseChallenges } from "./challenges.ts";
import { PROXY_AUTHENTICATION_REQUIRED, type ProxyAnswer, readProxyAnswer } from "./http-answer.ts";
import { wordsOfPage } from "./page-words.ts";
import { ProxyError } from "./proxy-error.ts";
import type { Proxy } from "./proxy-url.ts";
import { SocketReader } from "./socket-reader.ts";
import { authorityOf, type Target } from "./target.ts";

/** Heads and bodies of one answer. */
const MAX_ANSWER_BYTES = 65_536;
/** Negotiate and NTLM are through after three; the first one may have been without. */
const MAX_ROUNDS = 5;
/** An account may be locked after a few wrong passwords. */
const WRONG_PASSWORD_WAIT_MS = 60_000;

/** What a tunnel is made with. */
export type TunnelParts = {
  /** Connects to the proxy. */
  readonly dialProxy: () => Promise<Socket>;
  /** Runs one round within the time for it. */
  readonly inTime: <T>(round: () => Promise<T>) => Promise<T>;
  readonly onProxyAuth: OnProxyAuth | undefined;
};

/**
 * Opens a tunnel to a target by an HTTP proxy (CONNECT, RFC 9110 section 9.3.6). The proxy looks the name up. A refused connection is kept and
 * asked again as long as the proxy keeps it: NTLM signs in a connection, not a request.
 * @returns the socket of the tunnel, of which nothing was read.
 * @throws ProxyError `proxy-auth-required`, `proxy-refused`, `proxy-unreachable`
 */
export async function openHttpTunnel(parts: TunnelParts, proxy: Proxy, target: Target): Promise<Socket> {
  let socket = await parts.dialProxy();
  let authorization = basicOf(proxy);
  try {
    for (let round = 1; ; round += 1) {
      const answer = await parts.inTime(() => ask(socket, proxy, target, authorization));
      if (answer.status < 300) return socket;
      if (answer.status !== PROXY_AUTHENTICATION_REQUIRED) throw refusedBy(proxy, answer, authorization);
      const given =
        round < MAX_ROUNDS ? await parts.inTime(() => askForAuthorization(parts, proxy, answer, round)) : undefined;
      if (given === undefined) throw wantsSignIn(proxy, answer, authorization !== undefined);
      authorization = given;
      if (!answer.isReusable) {
        socket.destroy();
        socket = await parts.dialProxy();
      }
    }
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function ask(
  socket: Socket,
  proxy: Proxy,
  target: Target,
  authorization: string | undefined,
): Promise<ProxyAnswer> {
  const authority = authorityOf(target);
  const reader = new SocketReader(socket, MAX_ANSWER_BYTES);
  const credential = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Connection: keep-alive\r\n${credential}\r\n`,
  );
  let answer: ProxyAnswer;
  try {
    answer = await readProxyAnswer(reader);
  } catch (cause) {
    throw brokenAnswer(proxy, cause);
  }
  // Nobody speaks before this side in a tunnel: whoever does would be taken for the relay.
  if (answer.status < 300 && reader.hasMore) throw brokenAnswer(proxy, new Error("more than its answer came"));
  return answer;
}

/** @throws Error for a value that is no field of HTTP */
async function askForAuthorization(
  { onProxyAuth }: TunnelParts,
  { shownUrl }: Proxy,
  { authenticate }: ProxyAnswer,
  round: number,
): Promise<string | undefined> {
  let value: string | undefined;
  try {
    value = await onProxyAuth?.({ url: shownUrl, round, challenges: parseChallenges(authenticate) });
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("proxy-auth-required", `onProxyAuth has failed: ${text}`, { proxy: shownUrl, cause });
  }
  if (value === undefined || /^[\x20-\x7e]+$/.test(value)) return value;
  throw new ProxyError("proxy-invalid", "onProxyAuth gave something that is no value of Proxy-Authorization");
}

/** RFC 7617, in UTF-8. */
function basicOf({ user }: Proxy): string | undefined {
  return user && `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
}

function wantsSignIn({ shownUrl }: Proxy, { authenticate, status }: ProxyAnswer, hasTried: boolean): ProxyError {
  const schemes = parseChallenges(authenticate).map(({ scheme }) => scheme);
  const offers = schemes.length === 0 ? "it offers no way to" : `it offers ${schemes.join(", ")}`;
  const what = hasTried ? "does not take this user and password" : "wants to know the user";
  return new ProxyError("proxy-auth-required", `${shownUrl} ${what}; ${offers}`, {
    proxy: shownUrl,
    status,
    schemes,
    retryAfterMs: hasTried ? WRONG_PASSWORD_WAIT_MS : 0,
  });
}

/** A 5xx says that the proxy cannot reach the relay, or is ill itself: that passes. */
function refusedBy(
  { shownUrl, user }: Proxy,
  { status, shownStatus, page }: ProxyAnswer,
  authorization = "",
): ProxyError {
  const passes = status >= 500 || status === 408 || status === 429;
  const [, credential = ""] = authorization.split(" ");
  const words = wordsOfPage(page, [credential, user?.name ?? "", user?.password ?? ""]);
  return new ProxyError("proxy-refused", `${shownUrl} says ${shownStatus}`, {
    proxy: shownUrl,
    status,
    page: words,
    passes,
  });
}

function brokenAnswer({ shownUrl }: Proxy, cause: unknown): ProxyError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ProxyError("proxy-refused", `${shownUrl} gives no whole answer: ${text}`, {
    proxy: shownUrl,
    passes: true,
    cause,
  });
}
