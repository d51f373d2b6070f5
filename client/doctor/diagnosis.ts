import { type Clock, epochMs } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import { checkedFingerprints } from "../node/fingerprint.ts";
import type { InterceptionInfo } from "../node/interception-watch.ts";
import { diallerPartsFor, type Surroundings } from "../node/node-dialler.ts";
import type { ConnectOptions, ProxyInfo, TlsInfo, TlsOptions } from "../relay.ts";
import { type CheckName, checkNames, type Finding, skipped } from "./common/finding.ts";
import { converse } from "./common/frames-check.ts";
import { isGotPast, type Verdict, verdictOf } from "./common/verdict.ts";
import { words } from "./common/words.ts";
import { checkHttp } from "./http-check.ts";
import { interceptionBy, interceptionFinding, type SeenCertificate } from "./interception-check.ts";
import { checkName } from "./name-check.ts";
import { checkPoll } from "./poll-check.ts";
import { checkProxy } from "./proxy-check.ts";
import type { Patient, Way } from "./scene.ts";
import { checkTcp } from "./tcp-check.ts";
import { checkTls } from "./tls-check.ts";
import { checkUdp } from "./udp-check.ts";
import { checkUpgrade, echoOver } from "./web-socket-check.ts";

/** How to look. */
export type DiagnoseOptions = {
  readonly tls?: TlsOptions | undefined;
  /** As `connect` takes it. */
  readonly proxy?: ConnectOptions["proxy"];
  /** For a relay with `AUTH=tokens`. */
  readonly token?: string | undefined;
  /** How long a connection is left quiet, to see whether it is cut; 0 unless it is set. */
  readonly quietSeconds?: number | undefined;
  /** The relay's STUN port; left out: the one that the relay tells. */
  readonly stunPort?: number | undefined;
  /** When to see whether an app gets past by the long poll; `where-needed` unless it is set: where no WebSocket gets through. */
  readonly longPoll?: "where-needed" | "always" | undefined;
  /** Called with each finding as it is found; not for what was never looked at. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
};

/** What was found. Nothing in it is secret: no token, no topic, and of the address neither user nor query. */
export type Diagnosis = {
  readonly address: string;
  /** The proxy that is set for the relay, and by what; undefined where there is none. */
  readonly proxy: ProxyInfo | undefined;
  /** The certificate that was taken, and whether somebody intercepts TLS; undefined without TLS, and where none was taken. */
  readonly tls: DiagnosedTls | undefined;
  /** In the order in which they were found. */
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
};

/** What `info.tls` of a relay tells. */
type DiagnosedTls = Omit<TlsInfo, "isSmallHello">;

/** Where and by what time it is looked. */
type Scene = Surroundings & { readonly clock: Clock };

/** As `diagnose` of client/doctor.ts. @param scene that of a test need not be this machine. */
export async function diagnoseBy(scene: Scene, address: string, options: DiagnoseOptions): Promise<Diagnosis> {
  const examination = new Examination(patientOf(scene, address, options), options);
  try {
    await examination.run();
  } finally {
    examination.end();
  }
  const { findings, proxy, tls } = examination;
  return { address: shown(address), proxy, tls, findings, verdict: verdictOf(findings) };
}

/** One pass through the checks. */
class Examination {
  readonly findings: Finding[] = [];
  readonly #patient: Patient;
  readonly #options: DiagnoseOptions;
  #proxy: ProxyInfo | undefined;
  #stunPort: number | undefined;
  /** What was taken, until it is judged. */
  #seen: SeenCertificate | undefined;
  #tls: DiagnosedTls | undefined;

  constructor(patient: Patient, options: DiagnoseOptions) {
    this.#patient = patient;
    this.#options = options;
    this.#stunPort = options.stunPort;
  }

  get proxy(): ProxyInfo | undefined {
    return this.#proxy;
  }

  get tls(): DiagnosedTls | undefined {
    return this.#tls;
  }

  async run(): Promise<void> {
    await this.#connect();
    const seen = new Set<CheckName>(this.findings.map(({ check }) => check));
    for (const check of checkNames) if (!seen.has(check)) this.findings.push(skipped(check, words.notLookedAt));
  }

  /** Ends whatever is still open. */
  end(): void {
    for (const opened of this.#patient.opened) opened.destroy();
  }

  async #connect(): Promise<void> {
    const { findings, info, way } = await checkProxy(this.#patient);
    this.#proxy = info;
    for (const finding of findings) this.#note(finding);
    if (this.#hasFailed) return;
    if (way === undefined) return this.#dial();
    await this.#secure(way);
    this.#note(await checkUdp(this.#patient, undefined, this.#stunPort));
  }

  /** Without a proxy. */
  async #dial(): Promise<void> {
    const { finding: name, addresses } = await checkName(this.#patient);
    if (!this.#note(name)) return;
    const ask = (): Promise<Finding> => checkUdp(this.#patient, addresses[0], this.#stunPort);
    // Where the port is known it is asked at once, else once the relay has told it.
    const udp = this.#stunPort === undefined ? undefined : ask();
    const { finding: tcp, way } = await checkTcp(this.#patient, addresses);
    if (this.#note(tcp) && way !== undefined) await this.#secure(way);
    this.#note(await (udp ?? ask()));
  }

  async #secure(way: Way): Promise<void> {
    const { route, url } = this.#patient;
    if (url.protocol === "ws:") {
      this.#note(skipped("interception", words.noTlsToLookInto));
      return this.#ask(way);
    }
    const published = route.watch.prepare(url);
    const { findings, way: secured, seen } = await checkTls(this.#patient, way);
    for (const finding of findings) this.#note(finding);
    if (secured === undefined) return;
    this.#seen = seen;
    await published;
    await this.#ask(secured);
    this.#judge(undefined);
  }

  async #ask(way: Way): Promise<void> {
    const { findings, isRelayThere, stunPort } = await checkHttp(this.#patient, way);
    this.#stunPort ??= stunPort;
    for (const finding of findings) this.#note(finding);
    if (this.#hasFailed) return;
    const { finding, webSocket } = await checkUpgrade(this.#patient, way, isRelayThere);
    if (this.#note(finding) && webSocket !== undefined) {
      await converse(echoOver(this.#patient, webSocket), {
        quietSeconds: this.#options.quietSeconds ?? 0,
        quietHint: " (--idle)",
        note: (found) => this.#note(found),
        onJoined: (attestation) => this.#judge(attestation),
      });
    }
    if (this.#polls) await this.#poll();
  }

  get #polls(): boolean {
    const failure = this.findings.find(({ state }) => state === "failed");
    if (failure === undefined) return this.#options.longPoll === "always";
    return failure.cause !== undefined && isGotPast(failure.cause);
  }

  async #poll(): Promise<void> {
    const { finding, tls } = await checkPoll(this.#patient);
    this.#note(finding);
    if (tls !== undefined) this.#noteInterception(tls);
  }

  /** @param attestation what the relay says of its certificate; undefined: nothing, or it was not reached. */
  #judge(attestation: string | undefined): void {
    if (this.#seen !== undefined) this.#noteInterception(interceptionBy(this.#patient, this.#seen, attestation));
  }

  /** Once. */
  #noteInterception({ intercepted, vendor, provedBy }: InterceptionInfo): void {
    const seen = this.#seen;
    if (seen === undefined) return;
    this.#seen = undefined;
    const { issuer, fingerprint256 } = seen;
    this.#tls = { issuer, fingerprint256, intercepted, vendor, provedBy };
    this.#note(interceptionFinding(this.#patient, seen, this.#tls));
  }

  get #hasFailed(): boolean {
    return this.findings.some(({ state }) => state === "failed");
  }

  /** @returns whether apps get past it. */
  #note(finding: Finding): boolean {
    this.findings.push(finding);
    this.#options.onFinding?.(finding);
    return finding.state !== "failed";
  }
}

function patientOf({ clock, ...surroundings }: Scene, address: string, options: DiagnoseOptions): Patient {
  const { tls = {}, proxy, token, quietSeconds = 0 } = options;
  const fingerprint = checkedFingerprints(tls.fingerprint);
  // It looks at whatever there is, and asks the DNS where it is told no key.
  const watched = { ...tls, fingerprint, relayKey: tls.relayKey ?? "dns", onIntercept: "allow" } as const;
  if (!(quietSeconds >= 0 && quietSeconds <= 3600)) {
    throw new ConnectError("option-invalid", { cause: "quietSeconds: 0 to 3600" });
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== "wss:" && url.protocol !== "ws:"))
    throw new ConnectError("address-invalid");
  url.hash = "";
  const route = { ...diallerPartsFor({ tls: watched, proxy }, surroundings), clock };
  return { clock, epochMs, url, tls: watched, proxy, route, token, opened: new Set() };
}

/** Without what may be a secret. */
function shown(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
