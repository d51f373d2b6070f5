/** The rows of the options' table about plain HTTP: what the relay tells a stranger, and how long it keeps one. */
export const httpOptions = {
  // Above the 60 s for which proxies keep an idle connection: who closes first costs the other side a request.
  keepAliveTimeoutMs: {
    kind: "integer",
    flag: "--keep-alive-timeout-ms",
    env: "KEEP_ALIVE_TIMEOUT_MS",
    default: 75_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence: "How long an HTTP connection may wait for its next request. Set it longer than the proxy in front does.",
  },
  // A few proxies and monitors, with 64 KiB each; who finds no place is answered all the same.
  maxHttpConnections: {
    kind: "integer",
    flag: "--max-http-connections",
    env: "MAX_HTTP_CONNECTIONS",
    default: 64,
    min: 0,
    max: 100_000,
    unit: "connections",
    sentence:
      "HTTP connections kept for a next request, at most half from one address; more are closed after their answer.",
  },
  // Off: browsers remember it, and then refuse the plain HTTP that this host may serve elsewhere.
  hstsMaxAgeSeconds: {
    kind: "integer",
    flag: "--hsts-max-age-seconds",
    env: "HSTS_MAX_AGE_SECONDS",
    default: 0,
    min: 0,
    max: 63_072_000,
    unit: "s",
    sentence:
      "How long browsers that have seen a page of the relay over TLS use only TLS for its name (Strict-Transport-Security). 0 sends no such header.",
  },
  tryItPage: {
    kind: "boolean",
    flag: "--try-it-page",
    env: "TRY_IT_PAGE",
    default: true,
    sentence:
      "Pages for browsers: at / to try the relay, at /doctor to see why apps cannot reach it. false answers 404 at both.",
  },
  showVersion: {
    kind: "boolean",
    flag: "--show-version",
    env: "SHOW_VERSION",
    default: true,
    sentence: "false leaves the version out of /, /health and /stats. The admin pages and the log still have it.",
  },
  securityContact: {
    kind: "contact",
    flag: "--security-contact",
    env: "SECURITY_CONTACT",
    default: "",
    sentence:
      "Whom to tell about a security problem: served at /.well-known/security.txt (RFC 9116). Unset serves none.",
  },
} as const;
