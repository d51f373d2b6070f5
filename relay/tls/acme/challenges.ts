import type { Clock } from "../../clock.ts";
import type { AlpnChallenges } from "../alpn-challenges.ts";
import { createChallengeCertificate } from "./challenge-certificate.ts";
import type { HttpChallengeResponder } from "./http-challenge.ts";

/** One way to prove that a name is ours. */
export interface ChallengeAnswers {
  /** RFC 8555 section 8.3, RFC 8737. */
  readonly type: "http-01" | "tls-alpn-01";
  /** Gets ready to answer. @returns takes the answer away again. */
  prepare(challenge: { readonly name: string; readonly token: string; readonly keyAuthorization: string }): () => void;
}

/** Answers on the relay's own port, inside of the TLS handshake. */
export function answerByTls(challenges: AlpnChallenges, clock: Clock): ChallengeAnswers {
  return {
    type: "tls-alpn-01",
    prepare({ name, keyAuthorization }) {
      challenges.add(name, createChallengeCertificate(name, keyAuthorization, clock.epochMs()));
      return () => challenges.remove(name);
    },
  };
}

/** Answers on a port for HTTP. */
export function answerByHttp(responder: HttpChallengeResponder): ChallengeAnswers {
  return {
    type: "http-01",
    prepare({ token, keyAuthorization }) {
      responder.add(token, keyAuthorization);
      return () => responder.remove(token);
    },
  };
}
