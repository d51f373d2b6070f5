/** The rows of the options' table about STUN. */
export const stunOptions = {
  // Off: who opens a port of UDP to the world has to have meant it.
  stunPort: {
    kind: "integer",
    flag: "--stun-port",
    env: "STUN_PORT",
    default: 0,
    min: 0,
    max: 65_535,
    unit: "",
    sentence:
      "UDP port on HOST that tells clients their public address (STUN), usually 3478; 0 opens none. See docs/stun.md.",
  },
  // Off: two addresses are rare, and answers that tell of them are larger than their requests.
  stunAddresses: {
    kind: "addresses",
    flag: "--stun-addresses",
    env: "STUN_ADDRESSES",
    default: [],
    sentence:
      "Two IPv4 addresses of this machine, two IPv6 ones, or both, at which STUN listens instead of HOST: then clients can ask what their NAT does (RFC 5780). Behind your own NAT, each with its public address.",
  },
  // What clients of RFC 3489 knew as the second port of a server.
  stunOtherPort: {
    kind: "integer",
    flag: "--stun-other-port",
    env: "STUN_OTHER_PORT",
    default: 3479,
    min: 1,
    max: 65_535,
    unit: "",
    sentence: "The second UDP port for STUN, opened only with STUN_ADDRESSES.",
  },
  // An office of 250 whose pages all open at once is answered within the four seconds in which browsers ask again.
  stunRequestsPerSecond: {
    kind: "integer",
    flag: "--stun-requests-per-second",
    env: "STUN_REQUESTS_PER_SECOND",
    default: 50,
    min: 1,
    max: 1_000_000,
    unit: "requests",
    sentence:
      "STUN requests of one IPv4 /24, or one IPv6 /64, that are answered in a second; after a silence, twice as many. More get no answer.",
  },
} as const;
