import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import type { OnProxyAuth, Way } from "../relay.ts";
import { type AddressParts, connectTcp } from "./addresses.ts";
import { inStage, type Limit, StageTimeout } from "./deadline.ts";
import { explained } from "./explained.ts";
import { HelloMemory, raceHellos } from "./first-flight.ts";
import { opened } from "./opening.ts";
import { openHttpTunnel } from "./proxies/http-tunnel.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import type { ProxyFinder, ProxyWay } from "./proxies/proxy-finder.ts";
import type { Proxy } from "./proxies/proxy-url.ts";
import { openSocksTunnel } from "./proxies/socks-tunnel.ts";
import { authorityOf, type Target, targetOf } from "./proxies/target.ts";
import { nameOf, secondLook } from "./second-look.ts";
import { type Hello, Trust } from "./trust.ts";

/** A TCP connection to a proxy, its answer, and the TLS handshake, each. */
const PROXY_TIMEOUT_MS = 10_000;
const TLS_TIMEOUT_MS = 8000;
const SECOND_LOOK_TIMEOUT_MS = 3000;
/** Relays of which it is remembered how they were reached: as many as a list may have. */
const MAX_WAYS = 64;

/** What a dialler is made of. */
export type DiallerParts = AddressParts & {
  readonly clock: Clock;
  readonly finder: Pick<ProxyFinder, "find">;
  readonly onProxyAuth?: OnProxyAuth | undefined;
  readonly trust?: Trust | undefined;
};

/** A connection, and what TLS has shown. */
type Opened = { readonly socket: Socket; readonly tls: Way["tls"] };

/**
 * Makes the connections to a relay, whatever goes over them: by the proxy, to the address that answers, with the hello that gets through, and
 * with TLS judged. All that speaks to a relay on Node goes by one of these.
 */
export class Dialler {
  readonly #parts: DiallerParts;
  readonly #trust: Trust;
  readonly #proxyTrust: Trust;
  readonly #memory: HelloMemory;
  readonly #ways = new Map<string, Way>();

  constructor(parts: DiallerParts) {
    this.#parts = parts;
    this.#trust = parts.trust ?? new Trust();
    this.#proxyTrust = this.#trust.forProxies();
    this.#memory = new HelloMemory(parts.clock);
  }

  /** How the last connection got to this relay, by whatever transport; undefined before there was one. */
  wayTo({ host }: URL): Way | undefined {
    return this.#ways.get(host);
  }

  /**
   * Connects; over TLS for `wss:` and `https:`. It takes as long as its stages may, each: the caller has a time of its own.
   * @param signal ends it.
   * @returns a connection on which nothing was sent yet.
   * @throws ProxyError; or an Error in plain words, with what Node says as its cause
   */
  async openSocket(url: URL, signal: AbortSignal): Promise<Socket> {
    const target = targetOf(url);
    let failure: unknown;
    for (const way of await this.#parts.finder.find(target)) {
      try {
        const { socket, tls } = await this.#openBy(way, target, signal);
        this.#remember(url.host, { proxy: way.info, tls });
        return socket;
      } catch (error) {
        failure = error;
        // The next one is only for where this one cannot be reached.
        if (!(error instanceof ProxyError && error.code === "proxy-unreachable") || signal.aborted) break;
      }
    }
    throw explained(failure, target.hostname);
  }

  #remember(host: string, way: Way): void {
    this.#ways.delete(host);
    this.#ways.set(host, way);
    const [oldest] = this.#ways.keys();
    if (this.#ways.size > MAX_WAYS && oldest !== undefined) this.#ways.delete(oldest);
  }

  async #openBy({ proxy }: ProxyWay, target: Target, signal: AbortSignal): Promise<Opened> {
    if (!target.isTls) {
      if (this.#trust.isPinned) throw new Error("a fingerprint is pinned, and this address has no TLS");
      return { socket: await this.#transport(proxy, target, signal), tls: undefined };
    }
    const { clock } = this.#parts;
    const race = { clock, memory: this.#memory, way: `${proxy?.shownUrl ?? ""} ${authorityOf(target)}`, signal };
    try {
      const { socket, hello } = await raceHellos(race, (greeting, onSent, limit) =>
        this.#secured(proxy, target, greeting, onSent, limit),
      );
      return { socket, tls: tlsInfoOf(socket, hello) };
    } catch (error) {
      throw await this.#seenTwice(error, proxy, target, signal);
    }
  }

  /** TLS over the way to the target, judged. */
  async #secured(
    proxy: Proxy | undefined,
    target: Target,
    hello: Hello,
    onSent: () => void,
    signal: AbortSignal,
  ): Promise<TLSSocket> {
    const transport = await this.#transport(proxy, target, signal);
    const socket = await this.#greet(transport, target.hostname, this.#trust.optionsFor(hello), signal, onSent);
    try {
      this.#trust.judge(socket);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** TLS with whoever is at the other end of a connection, which ends where that fails. */
  async #greet(
    transport: Socket,
    hostname: string,
    trusted: ConnectionOptions,
    signal: AbortSignal,
    onSent?: () => void,
  ): Promise<TLSSocket> {
    try {
      return await inStage(this.#limit("tls", TLS_TIMEOUT_MS, signal), (limit) => {
        const socket = connectTls({ ...tlsOptionsOf(transport, hostname), ...trusted });
        onSent?.();
        return opened(socket, "secureConnect", limit);
      });
    } catch (error) {
      transport.destroy();
      throw error;
    }
  }

  /** The bytes to the target: straight, or through the proxy. */
  async #transport(proxy: Proxy | undefined, target: Target, signal: AbortSignal): Promise<Socket> {
    if (proxy === undefined) return connectTcp(this.#parts, target, signal);
    const dialProxy = (): Promise<Socket> => this.#toProxy(proxy, signal);
    if (proxy.kind !== "socks5") {
      const { onProxyAuth } = this.#parts;
      return openHttpTunnel(
        { dialProxy, onProxyAuth, inTime: (round) => this.#askProxy(proxy, signal, round) },
        proxy,
        target,
      );
    }
    const socket = await dialProxy();
    try {
      await this.#askProxy(proxy, signal, () => openSocksTunnel(socket, proxy, target));
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async #toProxy(proxy: Proxy, signal: AbortSignal): Promise<Socket> {
    try {
      const socket = await connectTcp(this.#parts, proxy, signal);
      if (proxy.kind !== "https") return socket;
      return await this.#greet(socket, proxy.hostname, this.#proxyTrust.optionsFor("usual"), signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      const { message } = explained(cause, proxy.hostname);
      throw new ProxyError("proxy-unreachable", `${proxy.shownUrl}: ${message}`, {
        proxy: proxy.shownUrl,
        passes: true,
        cause,
      });
    }
  }

  /** One round with the proxy. Whoever does not answer in time is cut off by the caller. */
  async #askProxy<T>({ shownUrl }: Proxy, signal: AbortSignal, round: () => Promise<T>): Promise<T> {
    try {
      return await inStage(this.#limit("proxy", PROXY_TIMEOUT_MS, signal), round);
    } catch (cause) {
      if (!(cause instanceof StageTimeout)) throw cause;
      throw new ProxyError("proxy-unreachable", `${shownUrl}: ${cause.message}`, {
        proxy: shownUrl,
        passes: true,
        cause,
      });
    }
  }

  /** A failure of TLS says little: another connection, on which nothing is sent, shows who answers there. */
  async #seenTwice(error: unknown, proxy: Proxy | undefined, target: Target, signal: AbortSignal): Promise<unknown> {
    const look = secondLook(error);
    if (look === undefined || signal.aborted) return error;
    try {
      const seen = await inStage(this.#limit("tls", SECOND_LOOK_TIMEOUT_MS, signal), async (limit) => {
        const transport = await this.#transport(proxy, target, limit);
        return look(tlsOptionsOf(transport, target.hostname), limit);
      });
      return explained(error, target.hostname, seen);
    } catch {
      return error;
    }
  }

  #limit(stage: Limit["stage"], timeoutMs: number, signal: AbortSignal): Limit {
    return { clock: this.#parts.clock, stage, timeoutMs, signal };
  }
}

function tlsOptionsOf(socket: Socket, hostname: string): ConnectionOptions {
  // Engines that look at traffic take TLS without ALPN for something else than HTTPS. RFC 6066 section 3: no address is a server name.
  return { socket, host: hostname, servername: isIP(hostname) === 0 ? hostname : "", ALPNProtocols: ["http/1.1"] };
}

function tlsInfoOf(socket: TLSSocket, hello: Hello): NonNullable<Way["tls"]> {
  const { issuer, fingerprint256 } = socket.getPeerCertificate();
  return { issuer: nameOf(issuer), fingerprint: fingerprint256, isSmallHello: hello === "small" };
}
