/** 16 random bytes as 22 characters of base64url (RFC 4648 section 5): a session, or the part of a name that changes. */
export function randomWord(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .slice(0, 22);
}
