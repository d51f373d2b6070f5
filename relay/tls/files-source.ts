import { readFile, stat } from "node:fs/promises";
import type { Logger } from "pino";
import type { Clock, Timer } from "../clock.ts";
import { RelayError } from "../relay-error.ts";
import {
  type CertificateFacts,
  type MaterialRefusal,
  readMaterial,
  refusalSentences,
  type TlsMaterial,
} from "./material.ts";
import type { CertificateErrorCode, CertificateSource, CertificateStatus } from "./source.ts";

/** Two calls of `stat` for each look. Watching by events loses a file that is replaced by a rename or behind a link. */
const LOOK_INTERVAL_MS = 2000;
/** Who renews writes two files, one after the other. Until then a pair that does not fit is no failure. */
const PATIENCE_MS = 10_000;

/** What the source uses. */
export type FilesParts = { readonly clock: Clock; readonly log: Logger };

/** Where the private key and the chain are, PEM. They may be one file. */
export type FilesOptions = { readonly keyFile: string; readonly certificateFile: string };

type Pair = { readonly material: TlsMaterial; readonly facts: CertificateFacts };

/** What was found in the files. At the start a pair with a problem is one that is out of date. */
type Found =
  | { readonly pair: Pair; readonly problem?: Problem }
  | { readonly pair?: undefined; readonly problem: Problem };

/** Why the files cannot be served, as a code and as a sentence. */
type Problem = { readonly code: CertificateErrorCode; readonly sentence: string };

/**
 * Serves a certificate that somebody else renews. A new one is live within seconds of its files; one that cannot be
 * served is refused, and the old one stays. It looks at what the paths lead to, so files may be replaced by renames, and
 * be links to links that change, as Kubernetes has them.
 */
export class FilesSource implements CertificateSource {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #options: FilesOptions;
  #served: Pair | undefined;
  /** What `stat` said of the files when they were last read and settled. */
  #settled = "";
  /** Files that cannot be served: what is wrong, in which state, since when. They are read again at each look. */
  #pending: { readonly sentence: string; readonly state: string; readonly sinceMs: number } | undefined;
  /** What was refused last; undefined once all is well. */
  #refused: string | undefined;
  #isLooking = false;
  #isStopped = false;
  #timer: Timer | undefined;
  #lastSuccessAtMs: number | undefined;
  #lastErrorCode: CertificateErrorCode | undefined;
  #consecutiveFailures = 0;

  constructor({ clock, log }: FilesParts, options: FilesOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
  }

  /** Expired files are served all the same: the relay is not ready, and takes the new ones when they come. */
  async start(onChange: (material: TlsMaterial) => void): Promise<TlsMaterial> {
    const state = await this.#state();
    const found = await this.#read();
    if (found.pair === undefined) throw unusable(found.problem);
    this.#served = found.pair;
    if (found.problem === undefined) {
      this.#settled = state;
      this.#lastSuccessAtMs = this.#clock.epochMs();
    } else this.#refuse(found.problem);
    this.#timer = this.#clock.every(LOOK_INTERVAL_MS, () => void this.#look(onChange));
    return found.pair.material;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  status(): CertificateStatus {
    return {
      source: "files",
      names: this.#served?.facts.names ?? [],
      issuer: this.#served?.facts.issuer ?? "",
      notBeforeMs: this.#served?.facts.notBeforeMs ?? 0,
      expiresAtMs: this.#served?.facts.expiresAtMs ?? 0,
      isStandIn: false,
      store: undefined,
      nextAttemptAtMs: undefined,
      lastSuccessAtMs: this.#lastSuccessAtMs,
      lastErrorCode: this.#lastErrorCode,
      consecutiveFailures: this.#consecutiveFailures,
    };
  }

  /** Never throws: what the files are is what it finds out. */
  async #look(onChange: (material: TlsMaterial) => void): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const state = await this.#state();
      if (state === this.#settled) return;
      const found = await this.#read();
      // Changed while they were read: the next look has both of the new ones.
      if (this.#isStopped || state !== (await this.#state())) return;
      if (found.problem !== undefined) this.#wait(found.problem, state);
      else if (found.pair !== undefined) this.#take(found.pair, state, onChange);
    } finally {
      this.#isLooking = false;
    }
  }

  #take(pair: Pair, state: string, onChange: (material: TlsMaterial) => void): void {
    const { key, certificate } = pair.material;
    const isNew = this.#served?.material.key !== key || this.#served.material.certificate !== certificate;
    if (!isNew && this.#refused !== undefined) this.#log.info("certificate files hold again what is served");
    this.#served = pair;
    this.#settled = state;
    this.#pending = undefined;
    this.#refused = undefined;
    this.#lastSuccessAtMs = this.#clock.epochMs();
    this.#lastErrorCode = undefined;
    this.#consecutiveFailures = 0;
    if (isNew) onChange(pair.material);
  }

  /** Gives files that cannot be served the time to be finished, each new state of them from the beginning. */
  #wait(problem: Problem, state: string): void {
    const nowMs = this.#clock.monotonicMs();
    const { sentence } = problem;
    if (this.#pending?.state !== state || this.#pending.sentence !== sentence) {
      this.#pending = { sentence, state, sinceMs: nowMs };
    }
    if (nowMs - this.#pending.sinceMs >= PATIENCE_MS && this.#refused !== sentence) this.#refuse(problem);
  }

  #refuse({ code, sentence }: Problem): void {
    this.#refused = sentence;
    this.#lastErrorCode = code;
    this.#consecutiveFailures += 1;
    this.#log.warn({ code, reason: sentence }, "certificate files cannot be served: the last good certificate stays");
  }

  /** What the operating system says of both files, links followed: it changes with their content. */
  async #state(): Promise<string> {
    const states = [this.#options.keyFile, this.#options.certificateFile].map(async (path) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
        return [dev, ino, size, mtimeMs, ctimeMs].join(" ");
      } catch (error) {
        return codeOf(error);
      }
    });
    return (await Promise.all(states)).join("\n");
  }

  async #read(): Promise<Found> {
    const { keyFile, certificateFile } = this.#options;
    const key = await read(keyFile);
    const certificate = await read(certificateFile);
    if (typeof key !== "string") return { problem: key };
    if (typeof certificate !== "string") return { problem: certificate };
    const { refusal, facts, material } = readMaterial(key, certificate, this.#clock.epochMs());
    if (refusal === undefined) return { pair: { material, facts } };
    const problem = { code: "files-invalid", sentence: this.#sentence(refusal) } as const;
    const isOutOfDate = refusal === "expired" || refusal === "not-yet-valid";
    if (this.#served !== undefined || !isOutOfDate || facts === undefined) return { problem };
    return { pair: { material: { key, certificate, expiresAtMs: facts.expiresAtMs }, facts }, problem };
  }

  #sentence(refusal: MaterialRefusal): string {
    const { keyFile, certificateFile } = this.#options;
    const path = refusal === "no-key" || refusal === "key-encrypted" ? keyFile : certificateFile;
    return `${path}: ${refusalSentences[refusal]}`;
  }
}

async function read(path: string): Promise<string | Problem> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    return { code: "files-unreadable", sentence: `${path} cannot be read (${codeOf(error)})` };
  }
}

/** `ENOENT` and the like: the message of the error repeats the path. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}

function unusable({ sentence }: Problem): RelayError {
  return new RelayError(
    "CERTIFICATE_UNUSABLE",
    `${sentence}. Correct what TLS_KEY_FILE and TLS_CERT_FILE name, and start again.`,
  );
}
