import { type ErrorTexts, type IdentityErrorCode, TopicError } from "../errors.ts";

/** The codes about identities and key pairs, as `errorTexts` has the others. @see docs/client.md#errors */
export const identityErrorTexts: Readonly<Record<IdentityErrorCode, ErrorTexts>> = {
  "key-invalid": ["This is no Ed25519 key, or cannot be exported", "Make one with newKeyPair()."],
  "identity-unsupported": ["This runtime has no Ed25519 or no X25519", "Use a newer one."],
};

/** What is wrong with a key, or with the runtime that is to use it. */
export function identityError(code: IdentityErrorCode, cause: unknown): TopicError {
  return new TopicError(code, { cause, texts: identityErrorTexts[code] });
}
