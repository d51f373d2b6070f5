import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import { Counter } from "../counter.ts";
import { EndedSessions, type Session } from "./ended-sessions.ts";
import { FailureDamper } from "./failure-damper.ts";

/** A sign-in at the status page is good for this long. */
const SESSION_SECONDS = 43_200;
const SESSION_ID_BYTES = 12;

/** Why a request to the admin pages was refused: a closed set, it is a label. */
const adminRefusals = ["no-token", "bad-token", "too-many-attempts", "forged", "wrong-host"] as const;

/** One of the reasons above. */
export type AdminRefusal = (typeof adminRefusals)[number];

/** What tunes the access to the admin pages. */
export type AdminAccessOptions = {
  /** "" where everybody who reaches the listener may look. */
  readonly adminToken: string;
};

/** What it uses. */
export type AdminAccessParts = {
  readonly clock: Clock;
  /** Under what a client's failed attempts are counted. */
  readonly clientKey: (request: IncomingMessage) => string;
  /** Whether the browser speaks TLS, to the relay or to a proxy that is believed: then the cookie is bound to it. */
  readonly isOverTls: (request: IncomingMessage) => boolean;
};

/** Who may look: holders of the token, as a header or as the cookie of a sign-in; or, without a token, everybody. */
export class AdminAccess {
  readonly #parts: AdminAccessParts;
  readonly #tokenHash: Buffer | undefined;
  /** Signs sessions and forms. From the token, so that it holds for all processes that share a port, and ends with it. */
  readonly #key: Buffer;
  readonly #ended = new EndedSessions();
  readonly #damper: FailureDamper;
  readonly #refused = new Counter(adminRefusals);

  constructor(parts: AdminAccessParts, { adminToken }: AdminAccessOptions) {
    this.#parts = parts;
    this.#tokenHash = adminToken === "" ? undefined : hashOf(adminToken);
    this.#key = adminToken === "" ? randomBytes(32) : sign(Buffer.from(adminToken), "postern admin pages");
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
    const id = randomBytes(SESSION_ID_BYTES).toString("base64url");
    const { name, flags } = this.#cookieFor(request);
    const value = this.#signed({ id, expiresAtMs: this.#newestMs() });
    return { cookie: `${name}=${value}; Max-Age=${SESSION_SECONDS}; ${flags}` };
  }

  /** Ends the sign-in of this request: a copy of its cookie is good for nothing. @returns the header that takes the cookie away. */
  signOut(request: IncomingMessage): string {
    const session = this.#sessionOf(request);
    const nowMs = this.#parts.clock.epochMs();
    if (session !== undefined) this.#ended.end(session, { nowMs, newestMs: this.#newestMs() });
    const { name, flags } = this.#cookieFor(request);
    return `${name}=; Max-Age=0; ${flags}`;
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
    const session = this.#sessionOf(request);
    return session !== undefined && session.expiresAtMs > this.#parts.clock.epochMs() && !this.#ended.has(session);
  }

  /** The sign-in that the request comes with, over or not; undefined where there is none of ours. */
  #sessionOf(request: IncomingMessage): Session | undefined {
    const cookie = this.#cookieOf(request);
    const [expiry = "", id = ""] = cookie.split(".", 2);
    const session = { id, expiresAtMs: Number(expiry) };
    return isSame(cookie, this.#signed(session)) ? session : undefined;
  }

  #signed({ id, expiresAtMs }: Session): string {
    const session = `${expiresAtMs}.${id}`;
    return `${session}.${sign(this.#key, `session ${session}`).toString("base64url")}`;
  }

  /** When a sign-in ends that is made now. */
  #newestMs(): number {
    return this.#parts.clock.epochMs() + SESSION_SECONDS * 1000;
  }

  #cookieFor(request: IncomingMessage): { readonly name: string; readonly flags: string } {
    const isOverTls = this.#parts.isOverTls(request);
    return {
      // RFC 6265bis section 4.1.3: with this prefix no other host and no page without TLS can have set it.
      name: isOverTls ? "__Host-postern-admin" : "postern-admin",
      flags: `Path=/; HttpOnly; SameSite=Strict${isOverTls ? "; Secure" : ""}`,
    };
  }

  #cookieOf(request: IncomingMessage): string {
    const start = `${this.#cookieFor(request).name}=`;
    const pair = (request.headers.cookie ?? "").split("; ").find((one) => one.startsWith(start));
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
