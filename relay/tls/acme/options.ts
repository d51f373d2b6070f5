/** What tunes an ACME source. Texts that are "" are unset. */
export type AcmeOptions = {
  /** DNS names and addresses, all in one certificate; the first is the relay's own. */
  readonly names: readonly string[];
  readonly email: string;
  readonly directoryUrl: string;
  readonly profile: string;
  /** The common name of the issuer at the end of the wanted chain. */
  readonly preferredChain: string;
  /** RFC 8555 section 7.3.4; the key in base64url. */
  readonly eab: { readonly keyId: string; readonly hmacKey: string } | undefined;
  /** 0 proves names on the relay's own port (TLS-ALPN-01), else on this one (HTTP-01). */
  readonly httpPort: number;
  readonly httpHost: string;
  readonly agreeTerms: boolean;
  /** The path of a PEM that the directory's certificate is checked by, in place of the public roots. */
  readonly caFile: string;
};
