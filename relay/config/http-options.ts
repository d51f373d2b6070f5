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
    sentence: "How long an HTTP connection may wait for its next request. Longer than the proxy in front keeps it.",
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
      "HTTP connections that are kept for a next request, half of them from one address; further ones are closed behind their answer.",
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
      "How long browsers that saw a page of the relay over TLS use nothing but TLS for its name (Strict-Transport-Security). 0 says nothing.",
  },
  tryItPage: {
    kind: "boolean",
    flag: "--try-it-page",
    env: "TRY_IT_PAGE",
    default: true,
    sentence:
      "Pages for people: at / they try the relay, which joins a topic from a browser; at /doctor they see why apps do not get through. false answers 404 at both.",
  },
  showVersion: {
    kind: "boolean",
    flag: "--show-version",
    env: "SHOW_VERSION",
    default: true,
    sentence:
      "false leaves the version out of /, /health and /stats. The admin pages and the log have it all the same.",
  },
  securityContact: {
    kind: "contact",
    flag: "--security-contact",
    env: "SECURITY_CONTACT",
    default: "",
    sentence: "Whom to tell of a security problem: served at /.well-known/security.txt (RFC 9116). Unset serves none.",
  },
} as const;
