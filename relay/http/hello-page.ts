import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { type Answer, json } from "./answer.ts";

/** What browsers call themselves, all of them (RFC 9110 section 10.1.5 asks for no such thing). */
const BROWSER = /^Mozilla\/5\.0 /;
/** What no browser offers, and every program over OpenSSL does: the larger Edwards curve, and SHA-224. In Node's words. */
const NO_BROWSERS = /^Ed448|SHA224$/;

/**
 * What the TLS of this request looked like when it came here, for pages, which cannot see certificates. Where a browser asks, and it was no
 * browser that greeted the relay, somebody on the way has ended TLS and begun another: then it says so. That nobody has, it cannot prove: who
 * intercepts TLS may greet as a browser does.
 */
export function helloPage({ socket, headers }: IncomingMessage): Answer {
  if (!(socket instanceof TLSSocket)) return json(200, { tls: null, intercepted: "unknown" });
  const isReused = socket.isSessionReused();
  const { name: cipher } = socket.getCipher();
  const signatureAlgorithms = socket.getSharedSigalgs();
  const tls = {
    version: socket.getProtocol(),
    cipher,
    alpn: socket.alpnProtocol || null,
    is_resumed: isReused,
    signature_algorithms: signatureAlgorithms,
  };
  // A resumed session has no certificate, so that nothing is told of its signatures.
  const isStrange = tls.alpn === null || signatureAlgorithms.some((name) => NO_BROWSERS.test(name));
  const isIntercepted = BROWSER.test(headers["user-agent"] ?? "") && isStrange;
  return json(200, { tls, intercepted: isIntercepted ? "yes" : "unknown" });
}
