import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import { Counter } from "../counter.ts";
import { FailureDamper } from "./failure-damper.ts";

/** A sign-in at the status page is good for this long. */
const SESSION_SECONDS = 43_200;

/** Why a request to the admin pages was refused: a closed set, it is a label. */
const adminRefusals = ["no-token", "bad-token", "too-many-attempts", "forged", "wrong-host"] as const;

/** One of the reasons above. */
export type AdminRefusal = (typeof adminRefusals)[number];

/** What tunes the access to the admin pages. */
export type AdminAccessOptions = {
  /** "" where everybody who reaches the listener may look. */
  readonly adminToken: string;
  /** Over TLS the cookie is bound to it. */
  readonly isOverTls: boolean;
};

/** What it uses. `clientKey`: under what a client's failed attempts are counted. */
export type AdminAccessParts = { readonly clock: Clock; readonly clientKey: (request: IncomingMessage) => string };

/** Who may look: holders of the token, as a header or as the cookie of a sign-in; or, without a token, everybody. */
export class AdminAccess {
  readonly #parts: AdminAccessParts;
  readonly #tokenHash: Buffer | undefined;
  /** Signs sessions and forms. From the token, so that it holds for all processes that share a port, and ends with it. */
  readonly #key: Buffer;
  readonly #cookieName: string;
  readonly #cookieFlags: string;
  readonly #damper: FailureDamper;
  readonly #refused = new Counter(adminRefusals);

  constructor(parts: AdminAccessParts, { adminToken, isOverTls }: AdminAccessOptions) {
    this.#parts = parts;
    this.#tokenHash = adminToken === "" ? undefined : hashOf(adminToken);
    this.#key = adminToken === "" ? randomBytes(32) : sign(Buffer.from(adminToken), "postern admin pages");
    // RFC 6265bis section 4.1.3: with this prefix no other host and no page without TLS can have set it.
    this.#cookieName = isOverTls ? "__Host-postern-admin" : "postern-admin";
    this.#cookieFlags = `Path=/; HttpOnly; SameSite=Strict${isOverTls ? "; Secure" : ""}`;
    this.#damper = new FailureDamper(parts.clock);
  }

  /** Whether there is a token to sign in with. */
  get hasToken(): boolean {
    return this.#tokenHash !== undefined;
  }

  counts(): Readonly<Record<AdminRefusal, number>> {
    return this.#refused.read();
  }

  /** Whether the request comes with a token or a sign-in at all, good or not. */
  isPresenting(request: IncomingMessage): boolean {
    return request.headers.authorization !== undefined || this.#cookieOf(request) !== "";
  }

  /** @returns why this request may not look; undefined where it may. Each refusal is counted. */
  refusalOf(request: IncomingMessage): AdminRefusal | undefined {
    if (this.#tokenHash === undefined) return this.#counted(isOwnHost(request) ? undefined : "wrong-host");
    const token = bearerOf(request);
    if (token !== undefined) return this.#refusalOfToken(request, token);
    return this.#counted(this.#isSignedIn(request) ? undefined : "no-token");
  }

  /** Checks a token from the form. @returns the cookie to set, or why not. */
  signIn(request: IncomingMessage, token: string): { readonly cookie: string } | { readonly refusal: AdminRefusal } {
    const refusal = isFromElsewhere(request) ? this.#counted("forged") : this.#refusalOfToken(request, token);
    if (refusal !== undefined) return { refusal };
    const expiry = String(Math.floor(this.#parts.clock.epochMs() / 1000) + SESSION_SECONDS);
    const value = `${expiry}.${sign(this.#key, `session ${expiry}`).toString("base64url")}`;
    return { cookie: `${this.#cookieName}=${value}; Max-Age=${SESSION_SECONDS}; ${this.#cookieFlags}` };
  }

  /** The header that ends a sign-in. */
  signOutCookie(): string {
    return `${this.#cookieName}=; Max-Age=0; ${this.#cookieFlags}`;
  }

  /** What a form of this request's page has to bring back: another site cannot know it. */
  formToken(request: IncomingMessage): string {
    return sign(this.#key, `form ${this.#cookieOf(request)}`).toString("base64url");
  }

  /** Whether a form was sent by its own page. A request with a bearer token is: no site can add that to another's. */
  isOwnForm(request: IncomingMessage, formToken: string | null): boolean {
    if (this.hasToken && bearerOf(request) !== undefined) return true;
    const isOwn = !isFromElsewhere(request) && isSame(formToken ?? "", this.formToken(request));
    if (!isOwn) this.#counted("forged");
    return isOwn;
  }

  #refusalOfToken(request: IncomingMessage, token: string): AdminRefusal | undefined {
    // Before the damper: who shares an address with one who guesses is not locked out by that.
    if (this.#tokenHash !== undefined && timingSafeEqual(hashOf(token), this.#tokenHash)) return undefined;
    const client = this.#parts.clientKey(request);
    if (this.#damper.isDamped(client)) return this.#counted("too-many-attempts");
    this.#damper.failed(client);
    return this.#counted("bad-token");
  }

  #isSignedIn(request: IncomingMessage): boolean {
    const [expiry = "", signature = ""] = this.#cookieOf(request).split(".", 2);
    if (!isSame(signature, sign(this.#key, `session ${expiry}`).toString("base64url"))) return false;
    return Number(expiry) > this.#parts.clock.epochMs() / 1000;
  }

  #cookieOf({ headers }: IncomingMessage): string {
    const start = `${this.#cookieName}=`;
    const pair = (headers.cookie ?? "").split("; ").find((one) => one.startsWith(start));
    return pair?.slice(start.length) ?? "";
  }

  #counted(refusal: AdminRefusal | undefined): AdminRefusal | undefined {
    if (refusal !== undefined) this.#refused.add(refusal);
    return refusal;
  }
}

function sign(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** Hashes are compared and not the texts, so that neither what is right in it nor its length takes time of its own. */
function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(expected));
}

/** RFC 6750 section 2.1. A token in the URL is not read: URLs end up in histories and logs. */
function bearerOf({ headers }: IncomingMessage): string | undefined {
  const [, token] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "") ?? [];
  return token;
}

/** What browsers say of where a request comes from; other clients say nothing. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/**
 * Whether the request names the listener by address or as localhost. A page from elsewhere whose name was made to mean
 * this machine (DNS rebinding) names itself.
 */
function isOwnHost({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? "").replace(/:\d+$/, "");
  return host === "localhost" || isIP(host.replace(/^\[(.*)\]$/, "$1")) !== 0;
}
