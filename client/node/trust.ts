import {
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";

/** Whom to trust. */
export type TrustOptions = {
  /** PEM, in place of all other roots. */
  readonly ca?: string | readonly string[] | undefined;
  /** PEM, beside the others. */
  readonly extraCa?: string | readonly string[] | undefined;
  /** SHA-256 of the certificates to trust and of no others, as Node writes it: `AA:BB:...`. */
  readonly fingerprints?: readonly string[] | undefined;
};

/**
 * How TLS is greeted. `usual`: as Node does, with a post-quantum key share: 1,597 bytes, more than one packet. `small`: with X25519 alone, 355
 * bytes: it gets through where the second packet does not.
 */
export type Hello = "usual" | "small";

const SMALL_CURVES = "X25519:P-256";

/** The certificate is none of those that are trusted. */
class CertificateMismatch extends Error {
  override readonly name = "CertificateMismatch";
  readonly code = "CERTIFICATE_MISMATCH";

  /** @param seen its fingerprint. */
  constructor(seen: string) {
    super(`the relay shows another certificate than the pinned one: ${seen}`);
  }
}

/** Judges who answers: by authorities, or by the certificate itself where that is pinned. */
export class Trust {
  readonly #options: TrustOptions;
  readonly #contexts = new Map<Hello, SecureContext>();
  #forProxies: Trust | undefined;

  constructor(options: TrustOptions = {}) {
    this.#options = options;
  }

  /** One certificate is to be shown, and without TLS there is none. */
  get isPinned(): boolean {
    return this.#options.fingerprints !== undefined;
  }

  /** For a proxy with TLS: no pin is about it, and the authorities of an app count beside the platform's. */
  forProxies(): Trust {
    const { ca, extraCa } = this.#options;
    this.#forProxies ??= new Trust(
      ca === undefined && extraCa === undefined ? {} : { extraCa: [...listOf(ca ?? []), ...listOf(extraCa ?? [])] },
    );
    return this.#forProxies;
  }

  /** What `tls.connect` is to be given. With pinned certificates it judges nothing: `judge` does. */
  optionsFor(hello: Hello): ConnectionOptions {
    return { secureContext: this.#contextFor(hello), rejectUnauthorized: !this.isPinned };
  }

  /** Called after the handshake and before anything is sent. @throws CertificateMismatch where another certificate is pinned */
  judge(socket: TLSSocket): void {
    const { fingerprints } = this.#options;
    if (fingerprints === undefined) return;
    const seen = socket.getPeerCertificate().fingerprint256;
    if (!fingerprints.includes(seen)) throw new CertificateMismatch(seen);
  }

  /** Made once: to read the roots takes a while. */
  #contextFor(hello: Hello): SecureContext {
    const made = this.#contexts.get(hello) ?? this.#create(hello);
    this.#contexts.set(hello, made);
    return made;
  }

  #create(hello: Hello): SecureContext {
    const { ca, extraCa, fingerprints } = this.#options;
    if (ca === undefined && extraCa === undefined && fingerprints === undefined) return platformContext(hello);
    const roots = ca === undefined ? platformRoots() : listOf(ca);
    // Of several with the same name OpenSSL may take the first and find it wrong: the app's own come before.
    const trusted = fingerprints === undefined ? { ca: [...listOf(extraCa ?? []), ...roots] } : {};
    return createSecureContext({ ...trusted, ...curvesOf(hello) });
  }
}

const platformContexts = new Map<Hello, SecureContext>();

/** One for all connections of a process. */
function platformContext(hello: Hello): SecureContext {
  const made = platformContexts.get(hello) ?? createSecureContext({ ca: [...platformRoots()], ...curvesOf(hello) });
  platformContexts.set(hello, made);
  return made;
}

/** Node's own roots with those of `NODE_EXTRA_CA_CERTS`, and the system's. */
function platformRoots(): readonly string[] {
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

function curvesOf(hello: Hello): { readonly ecdhCurve?: string } {
  return hello === "small" ? { ecdhCurve: SMALL_CURVES } : {};
}

function listOf(pem: string | readonly string[]): readonly string[] {
  return typeof pem === "string" ? [pem] : pem;
}
