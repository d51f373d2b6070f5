import type { Socket } from "node:net";
import { ProxyError } from "../node/proxies/proxy-error.ts";
import type { ProxyWay } from "../node/proxies/proxy-finder.ts";
import type { Proxy } from "../node/proxies/proxy-url.ts";
import { targetOf } from "../node/proxies/target.ts";
import { connectToProxy, openWay } from "../node/way-opening.ts";
import type { ProxyInfo } from "../relay.ts";
import { type Finding, failed, ok, skipped, warned } from "./common/finding.ts";
import { SILENCE, stopwatch, within } from "./common/patience.ts";
import { hostOf, type Patient, portOf, type Way } from "./scene.ts";

/** One lost packet is sent again after 1 s, two after 3 s. */
const REACH_TIME_MS = 4000;
const TUNNEL_TIME_MS = 6000;
/** A script may name more; the client tries them for as long as it has time. */
const MAX_PROXY_COUNT = 3;

/**
 * What stands between this machine and the relay.
 * @property info the proxy that is set, be it used or not.
 * @property way through the proxy, to the relay's port; undefined where the relay is dialled directly, or nothing goes.
 */
export type ProxyFound = {
  readonly findings: readonly [Finding, ...Finding[]];
  readonly info?: ProxyInfo | undefined;
  readonly way?: Way | undefined;
};

/** Finds the proxy of the relay as the client does, and has it connect: then it has looked the name up, and reached the port. Never rejects. */
export async function checkProxy(patient: Patient): Promise<ProxyFound> {
  let ways: readonly ProxyWay[];
  try {
    ways = await patient.route.finder.find(targetOf(patient.url));
  } catch (error) {
    return { findings: [failure(error, undefined)] };
  }
  const failures: string[] = [];
  let found: ProxyFound = direct(undefined);
  for (const { proxy, info } of ways.slice(0, MAX_PROXY_COUNT)) {
    found = proxy === undefined || info === undefined ? direct(info) : await through(patient, proxy, info);
    const [{ cause, text }] = found.findings;
    // The next one is only for where this one cannot be reached.
    if (cause !== "proxy-unreachable") break;
    failures.push(text);
  }
  const [finding, ...others] = found.findings;
  if (failures.length === 0 || finding.state === "failed") return found;
  return { ...found, findings: [warned("proxy", `${finding.text}; before it ${failures.join("; ")}`), ...others] };
}

function direct(info: ProxyInfo | undefined): ProxyFound {
  if (info === undefined) return { findings: [ok("proxy", "none is set")] };
  const { url, source, noProxyEntry } = info;
  const why = noProxyEntry === "DIRECT" ? "says DIRECT" : `is not for this relay: ${noProxyEntry} is an exception`;
  return { findings: [ok("proxy", `${url}, set by ${wordsOf(source)}, ${why}`)], info };
}

async function through(patient: Patient, proxy: Proxy, info: ProxyInfo): Promise<ProxyFound> {
  const source = wordsOf(info.source);
  const set = `${info.url}, set by ${source},`;
  try {
    const reachedMs = stopwatch(patient.clock);
    const reached = await opening(patient, REACH_TIME_MS, (signal) => connectToProxy(patient.route, proxy, signal));
    if (reached === SILENCE) {
      return {
        findings: [failed("proxy", "proxy-unreachable", `${set} does not answer in ${REACH_TIME_MS} ms`)],
        info,
      };
    }
    reached.destroy();
    const answer = ok("proxy", `${set} answers in ${reachedMs()} ms`);
    const connectedMs = stopwatch(patient.clock);
    const way = (): Promise<Socket> => openTunnel(patient, proxy);
    (await way()).destroy();
    const name = skipped("name", "the proxy looks it up");
    const text = `the proxy has connected to port ${portOf(patient)} of ${hostOf(patient)} in ${connectedMs()} ms`;
    return { findings: [answer, name, ok("tcp", text)], info, way };
  } catch (error) {
    return { findings: [failure(error, source)], info };
  }
}

/** @throws ProxyError, also where the proxy does not answer */
async function openTunnel(patient: Patient, proxy: Proxy): Promise<Socket> {
  const target = targetOf(patient.url);
  const socket = await opening(patient, TUNNEL_TIME_MS, (signal) => openWay(patient.route, proxy, target, signal));
  if (socket !== SILENCE) return socket;
  // It is there: most likely it tries to reach the relay.
  const text = `${proxy.shownUrl} takes connections, and does not say in ${TUNNEL_TIME_MS} ms whether it connects`;
  throw new ProxyError("proxy-refused", text, { proxy: proxy.shownUrl });
}

/** A connection that is ended with the diagnosis, and when the time for it is over. */
async function opening(
  { clock, opened }: Patient,
  timeMs: number,
  open: (signal: AbortSignal) => Promise<Socket>,
): Promise<Socket | typeof SILENCE> {
  const giveUp = new AbortController();
  const attempt = { destroy: () => giveUp.abort(new Error("nobody waits for it any more")) };
  opened.add(attempt);
  try {
    const socket = await within(clock, timeMs, open(giveUp.signal));
    if (socket === SILENCE) attempt.destroy();
    else keep(opened, socket);
    return socket;
  } finally {
    opened.delete(attempt);
  }
}

function keep(opened: Patient["opened"], socket: Socket): void {
  opened.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => opened.delete(socket));
}

function failure(error: unknown, source: string | undefined): Finding {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ProxyError)) return failed("proxy", "unexplained", text);
  const from = source === undefined ? "" : ` (set by ${source})`;
  return failed("proxy", error.code, `${text}${from}${error.page === undefined ? "" : `: ${error.page}`}`);
}

/** @see ProxyInfo */
function wordsOf(source: string): string {
  return source.replace(/^option/, "the option proxy").replace(/^system/, "the system");
}
