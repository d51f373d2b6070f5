/** The rows of the options' table about certificates: where they come from, and where they are kept. */
export const certificateOptions = {
  // Not acme: it needs a name, and starting a relay to look at it must not be an agreement with anybody.
  tls: {
    kind: "choice",
    flag: "--tls",
    env: "TLS",
    default: "self-signed",
    choices: ["acme", "files", "self-signed", "off"],
    sentence:
      "Where the certificate comes from: an authority by ACME (you agree to its terms of service), files, or the relay itself; off serves plain HTTP, for use behind a proxy.",
  },
  domain: {
    kind: "list",
    flag: "--domain",
    env: "DOMAIN",
    default: [],
    usedWith: ["acme", "files", "self-signed"],
    sentence: "The names that clients dial, separated by commas; one certificate has them all.",
  },
  email: {
    kind: "email",
    flag: "--email",
    env: "EMAIL",
    default: "",
    usedWith: ["acme"],
    sentence: "The address to which the authority may write about the account.",
  },
  acmeDirectory: {
    kind: "url",
    flag: "--acme-directory",
    env: "ACME_DIRECTORY",
    default: "letsencrypt",
    words: ["letsencrypt", "letsencrypt-staging"],
    sentence: "The authority. Try new set-ups with letsencrypt-staging: its limits are wide, and nobody trusts it.",
  },
  acmeProfile: {
    kind: "word",
    flag: "--acme-profile",
    env: "ACME_PROFILE",
    default: "",
    sentence: "The kind of certificate, one that the authority offers, such as shortlived.",
  },
  acmePreferredChain: {
    kind: "word",
    flag: "--acme-preferred-chain",
    env: "ACME_PREFERRED_CHAIN",
    default: "",
    sentence: "If there are several chains: the common name of the issuer at the end of the one to use.",
  },
  acmeEabKeyId: {
    kind: "word",
    flag: "--acme-eab-key-id",
    env: "ACME_EAB_KEY_ID",
    default: "",
    sentence:
      "The id of your account with an authority that requires one (external account binding); its key is the variable ACME_EAB_HMAC_KEY.",
  },
  acmeEabHmacKey: {
    kind: "secret",
    flag: undefined,
    env: "ACME_EAB_HMAC_KEY",
    default: "",
    sentence: "The key that goes with ACME_EAB_KEY_ID, in base64url.",
  },
  acmeHttpPort: {
    kind: "integer",
    flag: "--acme-http-port",
    env: "ACME_HTTP_PORT",
    default: 0,
    min: 0,
    max: 65_535,
    unit: "",
    sentence:
      "0 proves the name on the relay's own port, which must be 443 from outside. Otherwise on this port, which must be 80 from outside.",
  },
  acmeAgreeTerms: {
    kind: "boolean",
    flag: "--acme-agree-terms",
    env: "ACME_AGREE_TERMS",
    default: true,
    sentence: "false does not agree to the authority's terms of service: no account is made.",
  },
  acmeCaFile: {
    kind: "path",
    flag: "--acme-ca-file",
    env: "ACME_CA_FILE",
    default: "",
    sentence: "Certificates (PEM) by which to trust a private authority's directory, instead of the system's.",
  },
  tlsKeyFile: {
    kind: "path",
    flag: "--tls-key-file",
    env: "TLS_KEY_FILE",
    default: "",
    sentence: "The private key for --tls files: PEM, without a passphrase.",
  },
  tlsCertFile: {
    kind: "path",
    flag: "--tls-cert-file",
    env: "TLS_CERT_FILE",
    default: "",
    sentence: "The certificate for --tls files: PEM, the server's own first, then its issuers.",
  },
  relayKeyFile: {
    kind: "path",
    flag: "--relay-key-file",
    env: "RELAY_KEY_FILE",
    default: "",
    sentence:
      "The relay's own key, by which clients notice who intercepts TLS: PEM, Ed25519. Unset, it is made and kept where certificates are; with --tls self-signed there is none then.",
  },
  // The directory that the image has and that systemd names for StateDirectory=postern.
  stateDirectory: {
    kind: "path",
    flag: "--state-directory",
    env: "STATE_DIRECTORY",
    default: "/var/lib/postern",
    sentence:
      "Where certificates from an authority (folder certificates) and registrations of agents and meshes (folder accounts) are kept over restarts.",
  },
  keyVaultUrl: {
    kind: "url",
    flag: "--key-vault-url",
    env: "KEY_VAULT_URL",
    default: "",
    words: [],
    sentence: "Keep certificates in this Azure Key Vault instead of the directory.",
  },
  azureClientId: {
    kind: "word",
    flag: "--azure-client-id",
    env: "AZURE_CLIENT_ID",
    default: "",
    sentence: "The user-assigned identity for the vault; unset is the machine's own.",
  },
} as const;
