/** Who can cure it. */
export type Curer = "you" | "IT" | "the relay's operator";

/** Why an app does not get through to a relay. */
type Cause = {
  /** Of `postern-client doctor`. */
  readonly exitCode: number;
  /** What it is, in one sentence. */
  readonly sentence: string;
  /** What to do. */
  readonly remedy: string;
  readonly who: Curer;
  /** It may be the network or the relay: see `TO_SETTLE`. */
  readonly isUnsure?: boolean;
  /** By what this client may get past it. */
  readonly detour?: Detour;
};

/** By what the client gets past what stands in its way. */
type Detour = "the long poll" | "a smaller first message of TLS";

/**
 * All causes that the doctor knows, in the order in which a connection meets them; a proxy stands in the place of the DNS. Names and exit codes are stable, the texts
 * are not.
 * @see docs/doctor.md#causes
 */
export const causes = {
  "name-unknown": {
    exitCode: 10,
    sentence: "The DNS of this network does not know the relay's name",
    remedy:
      "Check the address. If it is right, have the name allowed in the DNS, or set the proxy that this network has",
    who: "IT",
    isUnsure: true,
  },
  "name-silent": {
    exitCode: 11,
    sentence: "The DNS of this network does not answer",
    remedy: "Check that this machine is on a network, and have its DNS looked at",
    who: "IT",
  },
  "name-filtered": {
    exitCode: 12,
    sentence: "The DNS of this network gives an address that leads nowhere: it blocks the relay's name",
    remedy: "Have the name allowed in the DNS",
    who: "IT",
  },
  "proxy-unreachable": {
    exitCode: 13,
    sentence: "The proxy that is set, or the script that chooses it, does not answer",
    remedy: "Check the proxy's address, and that this machine is in its network; where there is no proxy, take it out",
    who: "IT",
  },
  "proxy-auth-required": {
    exitCode: 14,
    sentence: "The proxy wants its user to sign in, or does not take this user and password",
    remedy:
      "Put the right user and password into the proxy's URL; for NTLM or Kerberos set a program such as px as the proxy",
    who: "you",
  },
  "proxy-refused": {
    exitCode: 15,
    sentence: "The proxy does not connect to the relay: it does not allow it, or cannot reach it",
    remedy: "Have CONNECT to the relay's name and port allowed at the proxy",
    who: "IT",
    isUnsure: true,
  },
  "proxy-invalid": {
    exitCode: 16,
    sentence: "What is set as the proxy makes no sense",
    remedy: "Correct it where it is set, or go without it: --proxy none",
    who: "you",
  },
  "port-silent": {
    exitCode: 20,
    sentence: "Nothing answers at the relay's port: a firewall drops what goes there, or the relay is not there",
    remedy: "Have the relay's name and port allowed, or set the proxy that this network has",
    who: "IT",
    isUnsure: true,
  },
  "port-refused": {
    exitCode: 21,
    sentence: "Connections to the relay's port are refused: by a firewall, or because the relay is not running",
    remedy: "Have the relay's name and port allowed, or the relay started",
    who: "IT",
    isUnsure: true,
  },
  "no-route": {
    exitCode: 22,
    sentence: "A router or firewall says that there is no way to the relay",
    remedy: "Have the relay's name and port allowed, or set the proxy that this network has",
    who: "IT",
  },
  "not-reached": {
    exitCode: 23,
    sentence: "A browser gets no answer from the relay's address: the name, the port or TLS fails",
    remedy:
      "Have postern-client doctor run on this machine, which says at which step; or have the relay's name and port allowed",
    who: "IT",
    isUnsure: true,
  },
  "hello-cut": {
    exitCode: 30,
    sentence:
      "The connection is cut at the first message of TLS: a firewall blocks the name in it, or the relay this address",
    remedy: "Have the relay's name allowed",
    who: "IT",
    isUnsure: true,
  },
  "hello-too-large": {
    exitCode: 31,
    sentence: "The first message of TLS does not get through in its usual size, but in a smaller one",
    remedy:
      "Nothing for apps that use this client: it sends a smaller one after 3 s. A firewall that is updated cures it",
    who: "IT",
    detour: "a smaller first message of TLS",
  },
  "large-packets-lost": {
    exitCode: 32,
    sentence: "Large packets are lost on the way, and nobody is told (path MTU)",
    remedy: "Let ICMP through; or set the MTU of the relay's route to 1280, at the relay, which helps everybody",
    who: "the relay's operator",
  },
  "tls-silent": {
    exitCode: 33,
    sentence: "The relay's port takes connections, and says nothing to TLS",
    remedy: "Have the firewall looked at: something stands in the relay's place",
    who: "IT",
    isUnsure: true,
  },
  "no-tls": {
    exitCode: 34,
    sentence: "Something answers without TLS in the relay's place: most likely a page for signing in to this network",
    remedy: "Open a browser, sign in, and try again",
    who: "you",
  },
  "tls-refused": {
    exitCode: 35,
    sentence: "TLS is refused, by a filter or by what stands in the relay's place",
    remedy: "Have the relay's name allowed",
    who: "IT",
    isUnsure: true,
  },
  "certificate-other-name": {
    exitCode: 36,
    sentence:
      "The certificate is for another name: a page for signing in, or one that says no, is in the relay's place",
    remedy: "Open a browser, sign in, and try again; else have the relay's name allowed. Do not trust this certificate",
    who: "you",
  },
  "certificate-self-signed": {
    exitCode: 37,
    sentence: "The relay's certificate signs itself, so that nobody vouches for it",
    remedy: "Compare its fingerprint with the one that the relay prints, and trust it by that (--fingerprint)",
    who: "you",
  },
  "certificate-untrusted": {
    exitCode: 38,
    sentence: "TLS is intercepted on the way, with a certificate authority that this program does not trust",
    remedy: "Get the authority's certificate, and name it in NODE_EXTRA_CA_CERTS or by --ca-file",
    who: "IT",
  },
  "certificate-dates": {
    exitCode: 39,
    sentence: "The certificate is not valid at this time: it has expired, or the clock of this machine is wrong",
    remedy: "Check the clock of this machine; if it is right, have the certificate renewed",
    who: "the relay's operator",
  },
  "certificate-not-pinned": {
    exitCode: 40,
    sentence: "The certificate is another one than the one that is trusted by its fingerprint",
    remedy: "Compare with what the relay prints now: it has a new certificate, or somebody is in between",
    who: "the relay's operator",
  },
  "page-instead": {
    exitCode: 45,
    sentence: "A page is shown in the relay's place: this network wants a sign-in, or blocks the relay",
    remedy: "Open the relay's address in a browser, and do what the page says; else have the relay's name allowed",
    who: "IT",
  },
  "relay-down": {
    exitCode: 46,
    sentence: "A server in front of the relay answers, and cannot reach the relay",
    remedy: "Have the relay started",
    who: "the relay's operator",
  },
  "not-a-relay": {
    exitCode: 47,
    sentence: "What answers at this address does not speak as a relay does",
    remedy: "Check the address",
    who: "you",
  },
  "upgrade-stripped": {
    exitCode: 50,
    sentence: "A proxy takes the upgrade to a WebSocket out of the request",
    remedy: "Have WebSockets to the relay's name let through",
    who: "IT",
    detour: "the long poll",
  },
  "upgrade-refused": {
    exitCode: 51,
    sentence: "A proxy or firewall refuses the upgrade to a WebSocket, and lets other requests through",
    remedy: "Have WebSockets to the relay's name let through",
    who: "IT",
    detour: "the long poll",
  },
  "frames-swallowed": {
    exitCode: 52,
    sentence: "The upgrade to a WebSocket is accepted, and then nothing gets through",
    remedy: "Have WebSockets to the relay's name let through without being looked into",
    who: "IT",
    detour: "the long poll",
  },
  "large-frames-lost": {
    exitCode: 53,
    sentence: "Small messages get through a WebSocket, and large ones do not",
    remedy: "Have WebSockets to the relay's name let through without being looked into",
    who: "IT",
    detour: "the long poll",
  },
  "connection-cut": {
    exitCode: 54,
    sentence: "The connection is cut while it is in use",
    remedy: "Have WebSockets to the relay's name let through without being looked into",
    who: "IT",
    isUnsure: true,
    detour: "the long poll",
  },
  "quiet-connection-cut": {
    exitCode: 55,
    sentence: "A connection that is quiet is cut on the way",
    remedy: "Nothing for apps that use this client: it notices, and connects again. A longer idle time cures it",
    who: "IT",
  },
  unauthorized: {
    exitCode: 60,
    sentence: "The relay wants a valid token",
    remedy: "Get a token, and give it to the app, and to the doctor",
    who: "you",
  },
  "address-refused": {
    exitCode: 61,
    sentence: "The relay does not take connections from this network's address",
    remedy: "Have this network allowed at the relay",
    who: "the relay's operator",
  },
  "rate-limited": {
    exitCode: 62,
    sentence: "The relay has had too many connections from this network's address",
    remedy: "Wait a minute; if it stays so, have the limits raised: many people may share this address",
    who: "the relay's operator",
  },
  "relay-busy": {
    exitCode: 63,
    sentence: "The relay is full, or restarts",
    remedy: "Wait a minute; if it stays so, have the relay looked at",
    who: "the relay's operator",
  },
  "origin-refused": {
    exitCode: 64,
    sentence: "The relay takes pages of certain sites alone, and this page is of none of them",
    remedy: "Have the site of the page added to the relay's ALLOWED_ORIGINS",
    who: "the relay's operator",
  },
  unexplained: {
    exitCode: 70,
    sentence: "It does not work, for a reason that this program does not know",
    remedy: "Hand on all that was seen",
    who: "the relay's operator",
  },
} as const;

/** A cause, by its name. */
export type CauseName = keyof typeof causes;

/** What makes a verdict sure that is not. */
export const TO_SETTLE: string = "Try from another network, such as a phone's: if it works there, it is this network.";

/** What is written of a cause. */
export function causeOf(name: CauseName): Cause {
  return causes[name];
}
