import type { Socket } from "node:net";
import type { OnProxyAuth } from "../relay.ts";
import { type AddressParts, connectTcp } from "./addresses.ts";
import { inStage, StageTimeout } from "./deadline.ts";
import { explained } from "./explained.ts";
import { openHttpTunnel } from "./proxies/http-tunnel.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import type { Proxy } from "./proxies/proxy-url.ts";
import { openSocksTunnel } from "./proxies/socks-tunnel.ts";
import type { Target } from "./proxies/target.ts";
import { openTls } from "./tls-opening.ts";
import type { Trust } from "./trust.ts";

/** Each answer of a proxy. */
const PROXY_TIMEOUT_MS = 10_000;
const TLS_TIMEOUT_MS = 8000;

/** What a way is opened with. @property trust of the app: what proxies with TLS are judged by is derived from it. */
export type WayParts = AddressParts & { readonly onProxyAuth?: OnProxyAuth | undefined; readonly trust: Trust };

/**
 * The bytes to a target: straight, or through a proxy.
 * @param signal ends it.
 * @throws ProxyError, and what a direct connection fails with
 */
export async function openWay(
  parts: WayParts,
  proxy: Proxy | undefined,
  target: Target,
  signal: AbortSignal,
): Promise<Socket> {
  if (proxy === undefined) return connectTcp(parts, target, signal);
  const dialProxy = (): Promise<Socket> => connectToProxy(parts, proxy, signal);
  const inTime = <T>(round: () => Promise<T>): Promise<T> => answerInTime(parts, proxy, signal, round);
  if (proxy.kind !== "socks5") {
    return openHttpTunnel({ dialProxy, onProxyAuth: parts.onProxyAuth, inTime }, proxy, target);
  }
  const socket = await dialProxy();
  try {
    await inTime(() => openSocksTunnel(socket, proxy, target));
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A connection to the proxy itself, on which nothing was said, over TLS where it is one for that. @throws ProxyError `proxy-unreachable` */
export async function connectToProxy(parts: WayParts, proxy: Proxy, signal: AbortSignal): Promise<Socket> {
  const { hostname, kind, shownUrl } = proxy;
  try {
    const socket = await connectTcp(parts, proxy, signal);
    if (kind !== "https") return socket;
    const limit = { clock: parts.clock, stage: "tls", timeoutMs: TLS_TIMEOUT_MS, signal } as const;
    return await openTls(socket, hostname, parts.trust.forProxies().optionsFor("usual"), limit);
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw unreachable(shownUrl, explained(cause, hostname).message, cause);
  }
}

/** One round with the proxy. Whoever does not answer in time is cut off by the caller. */
async function answerInTime<T>(
  { clock }: WayParts,
  { shownUrl }: Proxy,
  signal: AbortSignal,
  round: () => Promise<T>,
): Promise<T> {
  try {
    return await inStage({ clock, stage: "proxy", timeoutMs: PROXY_TIMEOUT_MS, signal }, round);
  } catch (cause) {
    if (!(cause instanceof StageTimeout)) throw cause;
    throw unreachable(shownUrl, cause.message, cause);
  }
}

function unreachable(proxy: string, text: string, cause: unknown): ProxyError {
  return new ProxyError("proxy-unreachable", `${proxy}: ${text}`, { proxy, passes: true, cause });
}
