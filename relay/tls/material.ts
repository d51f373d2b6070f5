/** A private key and the chain that proves it, both PEM, the certificate of the server first. */
export type TlsMaterial = {
  readonly key: string;
  readonly certificate: string;
  /** When the first certificate ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
};
