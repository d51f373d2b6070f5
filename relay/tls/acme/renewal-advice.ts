import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import { certificateId, readRenewalInfo, renewalInfoPollMs } from "./ari.ts";
import { fetchDirectory, readCaFile } from "./directory.ts";
import type { AcmeOptions } from "./options.ts";
import type { Held } from "./records.ts";
import type { RenewalWindow } from "./schedule.ts";
import { retryAfterMs, Transport } from "./transport.ts";

/** After a CA did not answer. The schedule goes on without its advice. */
const ASK_AGAIN_MS = 3_600_000;

/** What it uses. */
export type RenewalAdviceParts = { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal };

/** What the CA advises about the renewal of the certificate that is held (RFC 9773). A CA that says nothing is no failure. */
export class RenewalAdvice {
  readonly #parts: RenewalAdviceParts;
  readonly #options: Pick<AcmeOptions, "directoryUrl" | "caFile">;
  #about: Held | undefined;
  #window: RenewalWindow | undefined;
  #askAtMs = 0;

  constructor(parts: RenewalAdviceParts, options: Pick<AcmeOptions, "directoryUrl" | "caFile">) {
    this.#parts = parts;
    this.#options = options;
  }

  /** The window that the CA named last for this certificate. */
  windowFor(held: Held): RenewalWindow | undefined {
    return held === this.#about ? this.#window : undefined;
  }

  /** Asks the CA, where it is time to. Never throws. */
  async askFor(held: Held): Promise<void> {
    const { clock, log } = this.#parts;
    if (held !== this.#about) {
      this.#about = held;
      this.#window = undefined;
      this.#askAtMs = 0;
    }
    if (clock.epochMs() < this.#askAtMs) return;
    this.#askAtMs = clock.epochMs() + ASK_AGAIN_MS;
    try {
      await this.#ask(held);
    } catch (error) {
      log.debug({ reason: error instanceof Error ? error.message : "" }, "no advice about the renewal");
    }
  }

  async #ask(held: Held): Promise<void> {
    const { clock, log, signal } = this.#parts;
    const id = certificateId(held.material.certificate);
    const transport = new Transport(clock, { ca: await readCaFile(this.#options.caFile), signal, retryDelaysMs: [] });
    const { renewalInfoUrl } = await fetchDirectory(transport, this.#options.directoryUrl, clock);
    this.#askAtMs = clock.epochMs() + renewalInfoPollMs(undefined);
    if (renewalInfoUrl === undefined || id === undefined) return;
    const { headers, data } = await transport.request(`${renewalInfoUrl}/${id}`, "get");
    this.#askAtMs = clock.epochMs() + renewalInfoPollMs(retryAfterMs(headers, clock.epochMs()));
    const info = readRenewalInfo(data);
    if (info === undefined) return;
    const isNew = info.window.startMs !== this.#window?.startMs || info.window.endMs !== this.#window.endMs;
    this.#window = info.window;
    if (!isNew) return;
    const start = new Date(info.window.startMs).toISOString();
    const end = new Date(info.window.endMs).toISOString();
    log.info({ start, end, explanation: info.explanationUrl }, "renewal window of the CA");
  }
}
