import { deriveTopic } from "./derivation.ts";
import type { Secret } from "./secret.ts";
import { WebCryptography } from "./web-cryptography.ts";

/**
 * The topic that a secret names, as the relay knows it: 43 characters of base64url. It is what an operator puts into a grant,
 * and tells nothing of the secret.
 * @throws TopicError `secret-invalid`, `no-cryptography`
 */
export async function topicIdOf(secret: Secret, options: { readonly name?: string | undefined } = {}): Promise<string> {
  const { topicId } = await deriveTopic(new WebCryptography(), { secret, ...options });
  return topicId;
}
