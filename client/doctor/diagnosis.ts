import { type Clock, epochMs, systemClock } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import { parseFingerprint } from "../node/fingerprint.ts";
import type { TlsOptions } from "../relay.ts";
import { type CauseName, type Curer, causeOf, TO_SETTLE } from "./causes.ts";
import { Echo } from "./echo.ts";
import { type CheckName, checkNames, type Finding, skipped } from "./finding.ts";
import { checkFrames, checkJoin, checkQuiet, checkRoundTrip, checkThroughput } from "./frames-check.ts";
import { checkHttp } from "./http-check.ts";
import { checkName } from "./name-check.ts";
import { checkPoll } from "./poll-check.ts";
import type { Patient, Way } from "./scene.ts";
import { checkTcp } from "./tcp-check.ts";
import { checkTls } from "./tls-check.ts";
import { checkUdp } from "./udp-check.ts";
import { checkUpgrade } from "./web-socket-check.ts";

/** How to look. */
export type DiagnoseOptions = {
  readonly tls?: TlsOptions | undefined;
  /** For a relay with `AUTH=tokens`. */
  readonly token?: string | undefined;
  /** How long a connection is left quiet, to see whether it is cut; 0 unless it is set. */
  readonly quietSeconds?: number | undefined;
  /** The relay's STUN port; left out: UDP is not tested. */
  readonly stunPort?: number | undefined;
  /** Called with each finding as it is found; not for what was never looked at. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
};

/** What was found. Nothing in it is secret: no token, no topic, and of the address neither user nor query. */
export type Diagnosis = {
  readonly address: string;
  /** In the order in which they were found. */
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
};

/** Whether apps get through. */
export type Verdict =
  /** @property hindrance what keeps WebSockets from working, where apps get past it by the long poll. */
  | { readonly works: true; readonly sentence: string; readonly hindrance: CauseName | undefined }
  | {
      readonly works: false;
      readonly cause: CauseName;
      readonly sentence: string;
      readonly remedy: string;
      readonly who: Curer;
      /** What would make it sure; undefined where it is. */
      readonly toSettle: string | undefined;
    };

/**
 * Finds out why an app does not get through to a relay, by the steps that a connection takes, and stops at the first that fails.
 * Takes less than 20 s, and what `quietSeconds` adds. It joins a topic of its own, with a random name, for that time.
 * @param address `wss://` or `ws://`
 * @throws ConnectError `address-invalid`, `option-invalid`; for nothing that the network does.
 */
export function diagnose(address: string, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  return diagnoseBy(systemClock, address, options);
}

/** As `diagnose`. @param clock by which it waits: that of a test need not be this machine's. */
export async function diagnoseBy(clock: Clock, address: string, options: DiagnoseOptions): Promise<Diagnosis> {
  const examination = new Examination(patientOf(clock, address, options), options);
  try {
    await examination.run();
  } finally {
    examination.end();
  }
  const { findings } = examination;
  return { address: shown(address), findings, verdict: verdictOf(findings) };
}

const HINDRANCES: ReadonlySet<CauseName> = new Set([
  "upgrade-stripped",
  "upgrade-refused",
  "frames-swallowed",
  "large-frames-lost",
  "connection-cut",
]);

/** One pass through the checks. */
class Examination {
  readonly findings: Finding[] = [];
  readonly #patient: Patient;
  readonly #options: DiagnoseOptions;

  constructor(patient: Patient, options: DiagnoseOptions) {
    this.#patient = patient;
    this.#options = options;
  }

  async run(): Promise<void> {
    await this.#connect();
    const seen = new Set<CheckName>(this.findings.map(({ check }) => check));
    for (const check of checkNames) if (!seen.has(check)) this.findings.push(skipped(check, "not looked at"));
  }

  /** Ends whatever is still open. */
  end(): void {
    for (const opened of this.#patient.opened) opened.destroy();
  }

  async #connect(): Promise<void> {
    const { finding: name, addresses } = await checkName(this.#patient);
    if (!this.#note(name)) return;
    const udp = checkUdp(this.#patient, addresses[0], this.#options.stunPort);
    const { finding: tcp, way } = await checkTcp(this.#patient, addresses);
    if (this.#note(tcp) && way !== undefined) await this.#secure(way);
    this.#note(await udp);
  }

  async #secure(way: Way): Promise<void> {
    if (this.#patient.url.protocol === "ws:") return this.#ask(way);
    const { findings, way: secured } = await checkTls(this.#patient, way);
    for (const finding of findings) this.#note(finding);
    if (secured !== undefined) await this.#ask(secured);
  }

  async #ask(way: Way): Promise<void> {
    const { findings, isRelayThere } = await checkHttp(this.#patient, way);
    for (const finding of findings) this.#note(finding);
    if (this.#hasFailed) return;
    const { finding, webSocket } = await checkUpgrade(this.#patient, way, isRelayThere);
    if (this.#note(finding) && webSocket !== undefined) await this.#talk(new Echo(this.#patient, webSocket));
    const failure = this.findings.find(({ state }) => state === "failed");
    if (failure?.cause !== undefined && isGotPast(failure.cause)) this.#note(await checkPoll(this.#patient));
  }

  async #talk(echo: Echo): Promise<void> {
    const { findings, padBytes } = await checkJoin(echo);
    for (const finding of findings) this.#note(finding);
    if (this.#hasFailed) return;
    const works =
      this.#note(await checkFrames(echo, padBytes)) &&
      this.#note(await checkRoundTrip(echo)) &&
      this.#note(await checkThroughput(this.#patient, echo, padBytes));
    if (works) this.#note(await checkQuiet(this.#patient, echo, this.#options.quietSeconds ?? 0));
    echo.close();
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

/** What keeps a WebSocket from working, and perhaps not the long poll. */
function isGotPast(cause: CauseName): boolean {
  return HINDRANCES.has(cause);
}

/** The first that has failed has to be cured first. */
function verdictOf(findings: readonly Finding[]): Verdict {
  const failure = findings.find(({ state }) => state === "failed");
  const sentence = "Apps get through to the relay";
  if (failure === undefined) return { works: true, sentence, hindrance: undefined };
  const cause = failure.cause ?? "unexplained";
  const { sentence: hindrance, remedy, who, isUnsure } = causeOf(cause);
  if (findings.some(({ check, state }) => check === "long poll" && state === "ok")) {
    return { works: true, sentence: `${sentence}, by the long poll. ${hindrance}`, hindrance: cause };
  }
  const toSettle = isUnsure === true ? TO_SETTLE : undefined;
  return { works: false, cause, sentence: hindrance, remedy, who, toSettle };
}

function patientOf(clock: Clock, address: string, { tls = {}, token, quietSeconds = 0 }: DiagnoseOptions): Patient {
  const fingerprint = tls.fingerprint === undefined ? undefined : parseFingerprint(tls.fingerprint);
  if (fingerprint === undefined && tls.fingerprint !== undefined) {
    throw new ConnectError("option-invalid", { cause: "tls.fingerprint: SHA-256 in 64 hex digits" });
  }
  if (!(quietSeconds >= 0 && quietSeconds <= 3600)) {
    throw new ConnectError("option-invalid", { cause: "quietSeconds: 0 to 3600" });
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== "wss:" && url.protocol !== "ws:"))
    throw new ConnectError("address-invalid");
  url.hash = "";
  return { clock, epochMs, url, tls: { ...tls, fingerprint }, token, opened: new Set() };
}

/** Without what may be a secret. */
function shown(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
