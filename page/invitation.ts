/** Base64url of at least 16 bytes: what a secret may be. */
const SECRET = /^[A-Za-z0-9_-]{22,}$/;

/** The secret in what somebody has pasted: a whole link, what is behind its #, or the secret alone. Undefined: there is none. */
export function secretIn(pasted: string): string | undefined {
  const text = pasted.trim();
  const secret = text.slice(text.lastIndexOf("#") + 1);
  return SECRET.test(secret) ? secret : undefined;
}
