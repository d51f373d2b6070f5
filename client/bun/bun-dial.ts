import type { Clock } from "../clock.ts";
import type { Dial, Socket, SocketEvents } from "../line/socket.ts";
import { webSocketDial } from "../line/web-socket.ts";
import { ProxyError } from "../node/proxies/proxy-error.ts";
import { fetchRequest } from "../polling/fetch-request.ts";
import { type HttpRequest, RefusedRequest } from "../polling/http-request.ts";
import type { BunProxies } from "./proxies.ts";

/** As Bun's WebSocket takes it: https://bun.com/reference/bun/WebSocketOptions. */
declare const WebSocket: new (
  address: string,
  options: { readonly protocols: string; readonly proxy?: string },
) => WebSocket;

/** Dials with Bun's WebSocket, by the proxy that is set. */
export function bunDial(clock: Clock, proxies: BunProxies): Dial {
  return (address, events) => {
    try {
      const { url } = proxies.wayTo(address);
      const dial = webSocketDial(clock, (to, protocols) => new WebSocket(to, { protocols, ...proxyOption(url) }));
      return dial(address, events);
    } catch (cause) {
      if (cause instanceof ProxyError) return new RefusedSocket(clock, events, cause);
      throw cause;
    }
  };
}

/** Sends requests with Bun's `fetch`, by the proxy that is set. */
export function bunRequest(proxies: BunProxies): HttpRequest {
  return async (question) => {
    const url = urlFor(question.url, proxies);
    // Without a word it would go by the environment's, whatever the option and the exceptions say.
    return fetchRequest(question, { proxy: url ?? false });
  };
}

/** @throws RefusedRequest */
function urlFor(address: string, proxies: BunProxies): string | undefined {
  try {
    return proxies.wayTo(address).url;
  } catch (cause) {
    throw cause instanceof ProxyError ? new RefusedRequest(cause) : cause;
  }
}

function proxyOption(url: string | undefined): { readonly proxy?: string } {
  return url === undefined ? {} : { proxy: url };
}

/** A socket that is not dialled: the proxy is set wrong. */
class RefusedSocket implements Socket {
  readonly bufferedBytes = 0;
  readonly #events: SocketEvents;
  #isOver = false;

  constructor(clock: Clock, events: SocketEvents, refusal: ProxyError) {
    this.#events = events;
    clock.after(0, () => this.#end({ code: undefined, reason: "", cause: refusal, refusal }));
  }

  send(): void {
    // It was never open.
  }

  close(reason: string): void {
    this.#end({ code: 1000, reason });
  }

  #end(end: Parameters<SocketEvents["onEnd"]>[0]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd(end);
  }
}
