import type { Clock } from "../../clock.ts";
import type { ProxyInfo } from "../../relay.ts";
import { exceptionsOfEnvironment, type NamedProxy, proxyOfEnvironment } from "./environment.ts";
import { exceptionFor } from "./exceptions.ts";
import { PacScript } from "./pac-script.ts";
import { type Proxy, parseProxyUrl } from "./proxy-url.ts";
import type { SystemSettings } from "./settings.ts";
import { type Machine, readSystemSettings } from "./system-settings.ts";
import type { Target } from "./target.ts";

/** One way to a target. @property proxy undefined: a direct connection. @property info what the app is told of it. */
export type ProxyWay = { readonly proxy: Proxy | undefined; readonly info: ProxyInfo | undefined };

const DIRECT: ProxyWay = { proxy: undefined, info: undefined };
const PAC_PREFIX = "pac+";
/** A laptop goes from the office home; and a program is started for each look. */
const SYSTEM_FRESH_MS = 30_000;

/** What an app may say of proxies: a word, or a URL; undefined: the environment, and where it names none, the system. */
export type ProxyChoice = string | undefined;

/** Finds the proxy of a target. A proxy that is configured is never passed by without a word: either an exception says so, or it is an error. */
export class ProxyFinder {
  readonly #clock: Clock;
  readonly #machine: Machine;
  readonly #choice: ProxyChoice;
  #system: { readonly settings: SystemSettings | undefined; readonly atMs: number } | undefined;
  #script: { readonly url: string; readonly script: PacScript } | undefined;

  /** @throws ProxyError `proxy-invalid` for a URL that is none */
  constructor(parts: { readonly clock: Clock; readonly machine: Machine }, choice: ProxyChoice) {
    this.#clock = parts.clock;
    this.#machine = parts.machine;
    this.#choice = choice;
    const isUrl = choice !== undefined && !["env", "system", "none"].includes(choice);
    if (isUrl && !choice.startsWith(PAC_PREFIX)) parseProxyUrl(choice, "The option proxy");
  }

  /** The ways to a target, in the order in which to try them. @throws ProxyError `proxy-invalid`, `proxy-unreachable` */
  async find(target: Target): Promise<readonly [ProxyWay, ...ProxyWay[]]> {
    switch (this.#choice) {
      case "none":
        return [DIRECT];
      case "env":
        return this.#ofEnvironment(target) ?? [DIRECT];
      case "system":
        return (await this.#ofSystem(target)) ?? [DIRECT];
      case undefined:
        return this.#ofEnvironment(target) ?? (await this.#ofSystem(target)) ?? [DIRECT];
      default:
        return this.#ofOption(this.#choice, target);
    }
  }

  async #ofOption(url: string, target: Target): Promise<Ways> {
    if (url.startsWith(PAC_PREFIX)) return this.#ofScript(url.slice(PAC_PREFIX.length), "option", target);
    return [wayBy({ url, source: "option" }, "The option proxy")];
  }

  #ofEnvironment(target: Target): Ways | undefined {
    const named = proxyOfEnvironment(this.#machine.env, target.isTls);
    return named && [unlessExcepted(wayBy(named, named.source), exceptionsOfEnvironment(this.#machine.env), target)];
  }

  async #ofSystem(target: Target): Promise<Ways | undefined> {
    const settings = await this.#systemSettings();
    if (settings === undefined) return undefined;
    const { pacUrl, secure, plain } = settings;
    const ownExceptions = exceptionsOfEnvironment(this.#machine.env);
    if (pacUrl !== undefined) {
      // The system's exceptions are for the proxies that are named beside them: a script has its own.
      const noProxyEntry = exceptionFor(ownExceptions, target);
      if (noProxyEntry === undefined) return this.#ofScript(pacUrl, "system", target);
      return [{ proxy: undefined, info: { url: shownScript(pacUrl), source: "system (PAC)", noProxyEntry } }];
    }
    const exceptions = [...ownExceptions, ...settings.exceptions];
    const url = target.isTls ? secure : plain;
    return url === undefined
      ? undefined
      : [unlessExcepted(wayBy({ url, source: "system" }, "The system's proxy setting"), exceptions, target)];
  }

  async #systemSettings(): Promise<SystemSettings | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#system === undefined || nowMs - this.#system.atMs >= SYSTEM_FRESH_MS) {
      this.#system = { settings: await readSystemSettings(this.#machine), atMs: nowMs };
    }
    return this.#system.settings;
  }

  async #ofScript(url: string, source: string, target: Target): Promise<Ways> {
    if (this.#script?.url !== url) this.#script = { url, script: new PacScript(this.#clock, url) };
    const [first, ...rest] = (await this.#script.script.proxiesFor(target)).map((proxy) => ({
      proxy,
      info: {
        url: proxy?.shownUrl ?? shownScript(url),
        source: `${source} (PAC)`,
        noProxyEntry: proxy ? undefined : "DIRECT",
      },
    }));
    return [first ?? DIRECT, ...rest];
  }
}

type Ways = readonly [ProxyWay, ...ProxyWay[]];

function wayBy({ url, source }: NamedProxy, inWords: string): ProxyWay & { readonly info: ProxyInfo } {
  const proxy = parseProxyUrl(url, inWords);
  return { proxy, info: { url: proxy.shownUrl, source } };
}

function unlessExcepted(
  way: ProxyWay & { readonly info: ProxyInfo },
  exceptions: readonly string[],
  target: Target,
): ProxyWay {
  const noProxyEntry = exceptionFor(exceptions, target);
  return noProxyEntry === undefined ? way : { proxy: undefined, info: { ...way.info, noProxyEntry } };
}

/** Its path may be a secret. */
function shownScript(url: string): string {
  const { protocol, host } = URL.parse(url) ?? { protocol: "file:", host: "" };
  return `pac+${protocol}//${host}`;
}
