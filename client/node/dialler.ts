import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Attesting } from "../line/socket.ts";
import type { TlsInfo, Way } from "../relay.ts";
import { inStage, type Limit } from "./deadline.ts";
import { explained } from "./explained.ts";
import { HelloMemory, raceHellos } from "./first-flight.ts";
import type { InterceptedError } from "./intercepted-error.ts";
import type { InterceptionWatch, ShownTls } from "./interception-watch.ts";
import { issuerOf } from "./issuer.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import type { ProxyFinder, ProxyWay } from "./proxies/proxy-finder.ts";
import type { Proxy } from "./proxies/proxy-url.ts";
import { authorityOf, type Target, targetOf } from "./proxies/target.ts";
import { secondLook } from "./second-look.ts";
import { openTls, tlsOptionsOf } from "./tls-opening.ts";
import type { Hello } from "./trust.ts";
import { openWay, type WayParts } from "./way-opening.ts";

const TLS_TIMEOUT_MS = 8000;
const SECOND_LOOK_TIMEOUT_MS = 3000;
/** Relays of which it is remembered how they were reached: as many as a list may have. */
const MAX_WAYS = 64;

/** What a dialler is made of. */
export type DiallerParts = WayParts & { readonly finder: Pick<ProxyFinder, "find">; readonly watch: InterceptionWatch };

/** What TLS has shown, without what is made of it. */
type Shown = ShownTls & Pick<TlsInfo, "isSmallHello">;
/** A connection, and what TLS has shown; undefined without TLS. */
type Opened = { readonly socket: Socket; readonly tls: Shown | undefined };
type Taken = { readonly proxy: Way["proxy"]; readonly tls: Shown | undefined };

/**
 * Makes the connections to a relay, whatever goes over them: by the proxy, to the address that answers, with the hello that gets through, and
 * with TLS judged. All that speaks to a relay on Node goes by one of these.
 */
export class Dialler {
  readonly #parts: DiallerParts;
  readonly #memory: HelloMemory;
  readonly #ways = new Map<string, Taken>();

  constructor(parts: DiallerParts) {
    this.#parts = parts;
    this.#memory = new HelloMemory(parts.clock);
  }

  /** How the last connection got to this relay, by whatever transport; undefined before there was one. */
  wayTo({ host }: URL): Way | undefined {
    const taken = this.#ways.get(host);
    if (taken === undefined) return undefined;
    const { proxy, tls } = taken;
    return { proxy, tls: tls && { ...tls, ...this.#parts.watch.infoOf(host, tls) } };
  }

  /** Judges what a relay says of its certificate. @returns why the connection is not to be used; undefined: it may be */
  judge({ address, attestation, fingerprint256 }: Attesting): InterceptedError | undefined {
    const { host } = new URL(address);
    const tls = this.#ways.get(host)?.tls;
    if (tls === undefined) return undefined;
    // The polls of one conversation may have gone over several connections: the last one stands for them.
    const shown = { issuer: tls.issuer, fingerprint256: fingerprint256 ?? tls.fingerprint256 };
    return this.#parts.watch.judge(host, { ...shown, attestation });
  }

  /**
   * Connects; over TLS for `wss:` and `https:`. It takes as long as its stages may, each: the caller has a time of its own.
   * @param signal ends it.
   * @returns a connection on which nothing was sent yet.
   * @throws ProxyError; or an Error in plain words, with what Node says as its cause
   */
  async openSocket(url: URL, signal: AbortSignal): Promise<Socket> {
    const target = targetOf(url);
    const { watch } = this.#parts;
    const prepared = watch.prepare(url);
    let failure: unknown;
    for (const way of await this.#parts.finder.find(target)) {
      try {
        const { socket, tls } = await this.#openBy(way, target, signal);
        this.#remember(url.host, { proxy: way.info, tls });
        await prepared;
        return admitted(socket, () => tls && watch.admit(url.host, tls));
      } catch (error) {
        failure = error;
        // The next one is only for where this one cannot be reached.
        if (!(error instanceof ProxyError && error.code === "proxy-unreachable") || signal.aborted) break;
      }
    }
    throw explained(failure, target.hostname);
  }

  #remember(host: string, way: Taken): void {
    this.#ways.delete(host);
    this.#ways.set(host, way);
    const [oldest] = this.#ways.keys();
    if (this.#ways.size > MAX_WAYS && oldest !== undefined) this.#ways.delete(oldest);
  }

  async #openBy({ proxy }: ProxyWay, target: Target, signal: AbortSignal): Promise<Opened> {
    if (!target.isTls) {
      if (this.#parts.trust.isPinned || this.#parts.watch.needsTls)
        throw new Error("a fingerprint or a key is pinned, and this address has no TLS");
      return { socket: await openWay(this.#parts, proxy, target, signal), tls: undefined };
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
    const { trust } = this.#parts;
    const transport = await openWay(this.#parts, proxy, target, signal);
    const limit = this.#tlsLimit(TLS_TIMEOUT_MS, signal);
    const socket = await openTls(transport, target.hostname, trust.optionsFor(hello), limit, onSent);
    try {
      trust.judge(socket);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** A failure of TLS says little: another connection, on which nothing is sent, shows who answers there. */
  async #seenTwice(error: unknown, proxy: Proxy | undefined, target: Target, signal: AbortSignal): Promise<unknown> {
    const look = secondLook(error);
    if (look === undefined || signal.aborted) return error;
    try {
      const seen = await inStage(this.#tlsLimit(SECOND_LOOK_TIMEOUT_MS, signal), async (limit) => {
        const transport = await openWay(this.#parts, proxy, target, limit);
        return look(tlsOptionsOf(transport, target.hostname), limit);
      });
      return explained(error, target.hostname, seen);
    } catch {
      return error;
    }
  }

  #tlsLimit(timeoutMs: number, signal: AbortSignal): Limit {
    return { clock: this.#parts.clock, stage: "tls", timeoutMs, signal };
  }
}

function tlsInfoOf(socket: TLSSocket, hello: Hello): Shown {
  const certificate = socket.getPeerCertificate();
  const { fingerprint256 } = certificate;
  return { issuer: issuerOf(certificate), fingerprint256, isSmallHello: hello === "small" };
}

/** The connection, where it may be used; else its end. */
function admitted(socket: Socket, admit: () => void): Socket {
  try {
    admit();
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
