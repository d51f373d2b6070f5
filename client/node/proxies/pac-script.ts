import { readFile } from "node:fs/promises";
import { get as getOverHttp, type IncomingMessage } from "node:http";
import { get as getOverHttps } from "node:https";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../clock.ts";
import { ProxyError } from "./proxy-error.ts";
import { type Proxy, parseProxyUrl } from "./proxy-url.ts";
import { authorityOf, type Target } from "./target.ts";

const MAX_SCRIPT_BYTES = 1_048_576;
const FETCH_TIMEOUT_MS = 5000;
/** How long a script is good for. */
const FRESH_MS = 300_000;
/** What a script may take: it is somebody else's program. */
const RUN_TIMEOUT_MS = 5000;
const MAX_SCRIPT_MEMORY_BYTES = 33_554_432;
/** A script may name as many as it likes. */
const MAX_PROXY_COUNT = 8;

/** Asks a script for the proxies of a URL, as its `FindProxyForURL` answers: `PROXY a:3128; DIRECT`. */
type Ask = (url: string, hostname: string) => Promise<string>;

/** A PAC file: a script that says which proxies a target is reached by. It runs in a sandbox, by the package `pac-resolver`. */
export class PacScript {
  readonly #clock: Clock;
  readonly #url: string;
  #loaded: { readonly ask: Ask; readonly atMs: number } | undefined;

  /** @param url `http:`, `https:` or `file:`. */
  constructor(clock: Clock, url: string) {
    this.#clock = clock;
    this.#url = url;
  }

  /**
   * The proxies to try, in this order; undefined stands for a direct connection. Never empty.
   * @throws ProxyError `proxy-invalid` where `pac-resolver` is not installed or the script is none, `proxy-unreachable` where it cannot be had
   */
  async proxiesFor(target: Target): Promise<readonly (Proxy | undefined)[]> {
    const ask = await this.#current();
    // Without the path: it is nobody's business, and may be a secret.
    const url = `${target.isTls ? "https" : "http"}://${authorityOf(target)}/`;
    let answer: unknown;
    try {
      answer = await ask(url, target.hostname);
    } catch (cause) {
      throw new ProxyError("proxy-invalid", "The PAC file failed while it was asked", { cause });
    }
    return proxiesIn(typeof answer === "string" ? answer : "");
  }

  async #current(): Promise<Ask> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#loaded !== undefined && nowMs - this.#loaded.atMs < FRESH_MS) return this.#loaded.ask;
    const ask = await compile(this.#clock, await fetchScript(this.#url));
    this.#loaded = { ask, atMs: nowMs };
    return ask;
  }
}

/** @throws ProxyError `proxy-invalid` where it names nothing that is there */
function proxiesIn(answer: string): readonly (Proxy | undefined)[] {
  const words = answer
    .split(";")
    .map((part) => part.trim().split(/\s+/))
    .filter(([kind]) => kind !== "");
  // The script says so itself: nothing else is tried.
  if (words.length === 0) return [undefined];
  return words.slice(0, MAX_PROXY_COUNT).map(([kind = "", place = ""]) => {
    const scheme = SCHEMES[kind.toUpperCase()];
    if (scheme === "direct") return undefined;
    return parseProxyUrl(`${scheme ?? kind.toLowerCase()}://${place}`, "The PAC file");
  });
}

const SCHEMES: Readonly<Record<string, string>> = {
  DIRECT: "direct",
  PROXY: "http",
  HTTP: "http",
  HTTPS: "https",
  SOCKS: "socks5",
  SOCKS5: "socks5",
};

/** In an engine of its own, which has a clock and a bound of memory, and nothing of this process. */
async function compile(clock: Clock, script: string): Promise<Ask> {
  const { createPacResolver, QuickJS, wasm } = await loadResolver();
  let untilMs = clock.monotonicMs() + RUN_TIMEOUT_MS;
  const engine = await QuickJS.create({
    wasm,
    memoryLimit: MAX_SCRIPT_MEMORY_BYTES,
    interruptHandler: () => clock.monotonicMs() > untilMs,
  });
  try {
    const findProxy = createPacResolver(engine, script, { sandbox: { alert: () => undefined } });
    return (url, hostname) => {
      untilMs = clock.monotonicMs() + RUN_TIMEOUT_MS;
      return findProxy(url, hostname);
    };
  } catch (cause) {
    throw new ProxyError("proxy-invalid", "The PAC file is no script that chooses proxies", { cause });
  }
}

async function loadResolver() {
  try {
    const [{ createPacResolver }, { QuickJS }, wasm] = await Promise.all([
      import("pac-resolver"),
      import("quickjs-wasi"),
      readFile(fileURLToPath(import.meta.resolve("quickjs-wasi/quickjs.wasm"))),
    ]);
    return { createPacResolver, QuickJS, wasm };
  } catch (cause) {
    const text = "A PAC file chooses the proxy, and what reads it is not there: npm install pac-resolver quickjs-wasi";
    throw new ProxyError("proxy-invalid", text, { cause });
  }
}

async function fetchScript(address: string): Promise<string> {
  const url = URL.parse(address);
  try {
    if (url?.protocol === "file:") return (await readFile(url)).subarray(0, MAX_SCRIPT_BYTES).toString();
    if (url?.protocol === "http:" || url?.protocol === "https:") return await fetchOverNetwork(url);
  } catch (cause) {
    throw new ProxyError("proxy-unreachable", "The PAC file that chooses the proxy cannot be had", {
      cause,
      passes: true,
    });
  }
  throw new ProxyError(
    "proxy-invalid",
    "The address of the PAC file begins with none of http://, https:// and file://",
  );
}

/** Never by a proxy: it says which one. */
async function fetchOverNetwork(url: URL): Promise<string> {
  const get = url.protocol === "https:" ? getOverHttps : getOverHttp;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), agent: false }, resolve).on("error", reject);
  const response = await promise;
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    byteCount += chunk.length;
    if (byteCount > MAX_SCRIPT_BYTES) throw new Error("it is larger than 1 MiB");
  }
  if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
  return Buffer.concat(chunks).toString();
}
