import { ConnectError } from "../errors.ts";
import { type Environment, exceptionsOfEnvironment, proxyOfEnvironment } from "../node/proxies/environment.ts";
import { exceptionFor } from "../node/proxies/exceptions.ts";
import { ProxyError } from "../node/proxies/proxy-error.ts";
import { proxyOptionOf } from "../node/proxies/proxy-option.ts";
import { parseProxyUrl } from "../node/proxies/proxy-url.ts";
import { type Target, targetOf } from "../node/proxies/target.ts";
import type { ConnectOptions, ProxyInfo } from "../relay.ts";

/** The way to one relay. @property url undefined: a direct connection; else as Bun takes it, with user and password. */
export type BunWay = { readonly url: string | undefined; readonly info: ProxyInfo | undefined };

/** Which proxy Bun is to go by: its WebSocket reads no environment, though its `fetch` does. */
export class BunProxies {
  readonly #env: Environment;
  readonly #choice: string;

  /** @throws ConnectError `option-invalid` for what Bun cannot do */
  constructor(option: ConnectOptions["proxy"], env: Environment) {
    this.#env = env;
    this.#choice = choiceOf(option);
    try {
      if (this.#isUrl) checkedUrl(this.#choice, "The option proxy");
    } catch (cause) {
      throw new ConnectError("option-invalid", { cause });
    }
  }

  /** @param address `wss:`, `ws:`, `https:` or `http:`. @throws ProxyError `proxy-invalid` */
  wayTo(address: string): BunWay {
    const target = targetOf(new URL(address));
    const way = this.#configured(target);
    const noProxyEntry = exceptionsOfEnvironment(this.#env).find((entry) => isException(entry, target));
    return noProxyEntry === undefined || way.info === undefined
      ? way
      : { url: undefined, info: { ...way.info, noProxyEntry } };
  }

  #configured({ isTls }: Target): BunWay {
    if (this.#isUrl) return wayBy(this.#choice, "option", "The option proxy");
    const named = this.#choice === "env" ? proxyOfEnvironment(this.#env, isTls) : undefined;
    return named === undefined ? { url: undefined, info: undefined } : wayBy(named.url, named.source, named.source);
  }

  /** What the app is told of it; undefined also where it is set wrong, which a dial tells. */
  infoFor(address: string): ProxyInfo | undefined {
    try {
      return this.wayTo(address).info;
    } catch {
      return undefined;
    }
  }

  get #isUrl(): boolean {
    return this.#choice !== "env" && this.#choice !== "none";
  }
}

function choiceOf(option: ConnectOptions["proxy"]): string {
  const { url = "env", onProxyAuth } = proxyOptionOf(option);
  if (onProxyAuth === undefined && url !== "system" && !url.startsWith("pac+")) return url;
  throw new ConnectError("option-invalid", { cause: "proxy: on Bun env, none, http:// or https://" });
}

/** @throws ProxyError `proxy-invalid` */
function checkedUrl(url: string, inWords: string): { readonly url: string; readonly shownUrl: string } {
  const { kind, hostname, port, user, shownUrl } = parseProxyUrl(url, inWords);
  if (kind === "socks5") throw new ProxyError("proxy-invalid", `${inWords} names a SOCKS proxy, which Bun cannot use`);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const signIn = user === undefined ? "" : `${[user.name, user.password].map(encodeURIComponent).join(":")}@`;
  return { url: `${kind}://${signIn}${host}:${port}`, shownUrl };
}

/** What Bun itself passes its proxy by for, the one of an option too; and what is an exception on Node. */
function isException(entry: string, target: Target): boolean {
  return exceptionFor([entry, entry.replace(/^\*?\./, "")], target) !== undefined;
}

function wayBy(url: string, source: string, inWords: string): BunWay {
  const checked = checkedUrl(url, inWords);
  return { url: checked.url, info: { url: checked.shownUrl, source } };
}
