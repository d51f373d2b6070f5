import { toBase64url } from "./base64url.ts";

/** 16 random bytes as 22 characters of base64url: a session, or the part of a name that changes. */
export function randomWord(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}
