import type { TlsInfo } from "../relay.ts";
import { attestedBy } from "./attestation.ts";
import { InterceptedError } from "./intercepted-error.ts";
import { type Evidence, type Interception, interceptionOf, type KnownKeys } from "./interception.ts";
import type { KnownRelays } from "./known-relays.ts";
import { publishedKeys, type RelayKeyOption, type ResolveTxt } from "./relay-key.ts";
import { vendorOf } from "./vendors.ts";

/** How long an answer of the DNS counts. */
const PUBLISHED_MS = 3_600_000;
/** Relays of which something is known at once: as many as a list may have. */
const MAX_RELAYS = 64;

/** What a watch is made of. */
export type InterceptionWatchParts = {
  readonly epochMs: () => number;
  readonly relayKey: RelayKeyOption;
  readonly knownRelays: KnownRelays;
  /** Whether a connection that is intercepted is to be ended. */
  readonly onIntercept: "allow" | "reject";
  /** Whether the certificate itself is pinned. */
  readonly isPinned: boolean;
  /** Left out: the DNS of this machine. */
  readonly resolveTxt?: ResolveTxt | undefined;
};

/** What TLS has shown of a relay. */
export type ShownTls = Pick<TlsInfo, "issuer" | "fingerprint256">;

/** What a connection has shown, and what the relay says on it. */
export type Statement = ShownTls & { readonly attestation: string | undefined };

/** What `info` tells. */
export type InterceptionInfo = Pick<TlsInfo, "intercepted" | "vendor" | "provedBy">;

type Published = { readonly keys: readonly string[]; readonly untilMs: number };
type Judged = { readonly fingerprint256: string; readonly interception: Interception };

/** Notices who intercepts TLS: by whose product has issued the certificate, and by the relay's own word for the one that it serves. */
export class InterceptionWatch {
  readonly #parts: InterceptionWatchParts;
  readonly #published = new Map<string, Published>();
  readonly #judged = new Map<string, Judged>();

  constructor(parts: InterceptionWatchParts) {
    this.#parts = parts;
  }

  /** The app has pinned a key, and wants nothing to be said without its proof. */
  get needsTls(): boolean {
    return this.#parts.onIntercept === "reject" && Array.isArray(this.#parts.relayKey);
  }

  /** Asks the DNS, where the app wants that: to be awaited before a relay is heard. Never rejects. */
  async prepare({ host, hostname }: URL): Promise<void> {
    const { relayKey, epochMs, resolveTxt } = this.#parts;
    if (relayKey !== "dns" || epochMs() < (this.#published.get(host)?.untilMs ?? 0)) return;
    const keys = await publishedKeys(hostname, resolveTxt);
    // A DNS that is silent now may answer the next time.
    if (keys.length > 0) keep(this.#published, host, { keys, untilMs: epochMs() + PUBLISHED_MS });
  }

  /**
   * Judges a certificate before anything is sent. Where the relay's key is known, its word will say more.
   * @throws InterceptedError
   */
  admit(host: string, { issuer }: ShownTls): void {
    const { onIntercept, isPinned } = this.#parts;
    const vendor = isPinned || this.#knownKeys(host) !== undefined ? undefined : vendorOf(issuer ?? "");
    if (vendor !== undefined && onIntercept === "reject") throw new InterceptedError(`${vendor} intercepts TLS`);
  }

  /** Judges what a relay says of its certificate. @returns why the connection is not to be used; undefined: it may be */
  judge(host: string, { attestation, ...shown }: Statement): InterceptedError | undefined {
    const { epochMs, knownRelays, onIntercept } = this.#parts;
    const attested = attestedBy(attestation, epochMs());
    const known = this.#knownKeys(host);
    const interception = interceptionOf(this.#evidence(shown, attested, known));
    keep(this.#judged, host, { fingerprint256: shown.fingerprint256, interception });
    const isFirst = interception.intercepted === "unknown" && interception.because === "unknown-key";
    const isGood = interception.intercepted === "no" && interception.provedBy !== "fingerprint";
    if (attested !== undefined && (isFirst || isGood)) knownRelays.remember(host, attested.publicKey);
    return onIntercept === "reject" ? refusalOf(interception, known) : undefined;
  }

  /** What is known of a connection with this certificate. */
  infoOf(host: string, shown: ShownTls): InterceptionInfo {
    const judged = this.#judged.get(host);
    const interception =
      judged?.fingerprint256 === shown.fingerprint256
        ? judged.interception
        : interceptionOf(this.#evidence(shown, undefined, undefined));
    return {
      intercepted: interception.intercepted,
      vendor: interception.intercepted === "yes" ? interception.vendor : undefined,
      provedBy: interception.intercepted === "no" ? interception.provedBy : undefined,
    };
  }

  #evidence(shown: ShownTls, attested: Evidence["attested"], known: KnownKeys | undefined): Evidence {
    const { issuer, fingerprint256 } = shown;
    return { issuer, fingerprint256, isPinned: this.#parts.isPinned, attested, known };
  }

  /** What the app says counts before what the DNS says, and that before what was seen. */
  #knownKeys(host: string): KnownKeys | undefined {
    const { relayKey, knownRelays } = this.#parts;
    if (typeof relayKey === "object") return { source: "relay-key", keys: relayKey };
    const published = this.#published.get(host);
    if (published !== undefined) return { source: "dns", keys: published.keys };
    const remembered = knownRelays.keyOf(host);
    return remembered === undefined ? undefined : { source: "earlier-visit", keys: [remembered] };
  }
}

/** What is known and not proved is as bad as what is seen: who is in between can leave out the relay's word. */
function refusalOf(interception: Interception, known: KnownKeys | undefined): InterceptedError | undefined {
  switch (interception.intercepted) {
    case "no":
      return undefined;
    case "yes":
      return new InterceptedError(`${interception.vendor ?? "a proxy on the way"} intercepts TLS`);
    case "unknown":
      if (known === undefined) return undefined;
      return new InterceptedError(
        interception.because === "other-key"
          ? "the relay shows another key than the known one: it has a new one, or a proxy on the way intercepts TLS"
          : "the relay does not prove its certificate by its key: it cannot any more, or a proxy on the way intercepts TLS",
      );
  }
}

/** Of too many the oldest goes. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_RELAYS && oldest !== undefined) map.delete(oldest);
}
