import type { IncomingMessage } from "node:http";
import { type Answer, html, json, text } from "../http/answer.ts";
import type { AdminRoutes, Page } from "../http/routes.ts";
import type { AdminAccess, AdminRefusal } from "./admin-access.ts";
import { drainAnswer } from "./drain-page.ts";
import { formRefusalOf, readForm } from "./form.ts";
import { statsDetails } from "./stats-details.ts";
import { type Folder, signInPage, statusPage } from "./status-page.ts";
import { STATUS_SCRIPT } from "./status-script.ts";
import { STATUS_STYLE } from "./status-style.ts";
import { type StatusFigures, statusView } from "./status-view.ts";

/** What the admin pages show and do. */
export type AdminPagesParts = {
  readonly access: AdminAccess;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly figures: () => StatusFigures;
  /** How long a drain may take. */
  readonly drainTimeoutMs: number;
  /** Begins the drain, as a signal would. */
  readonly drain: () => void;
  /** Takes a registration back. @param account its hash, or its name. Never rejects. */
  readonly revoke: (account: string) => Promise<RevokeOutcome>;
};

/** What became of it. `not-kept`: it is taken back, but after a restart it would be there again. */
export type RevokeOutcome = "revoked" | "no-such-account" | "not-kept";

const REVOKE_ANSWERS: Readonly<Record<RevokeOutcome, readonly [status: number, notice: string]>> = {
  revoked: [200, "The registration is taken back."],
  "no-such-account": [404, "Nothing was done: there is no such registration."],
  "not-kept": [
    503,
    "Its connections are closed, but this cannot be kept: after a restart the registration is back. See the log.",
  ],
};

/** No script and no style but our own files; nothing from elsewhere, in no frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const REFUSAL_STATUS: Readonly<Record<AdminRefusal, number>> = {
  "no-token": 401,
  "bad-token": 401,
  "too-many-attempts": 429,
  forged: 403,
  "wrong-host": 421,
};
const REFUSAL_SENTENCES: Readonly<Record<AdminRefusal, string>> = {
  "no-token": "Unauthorized",
  "bad-token": "Unauthorized",
  "too-many-attempts": "Too many attempts: wait a minute",
  forged: "This form was not sent by this page",
  "wrong-host": "Name this listener by its address or as localhost",
};
/** How long who guessed too often has to wait (relay/admin/failure-damper.ts). */
const RETRY_AFTER_SECONDS = 60;

/** The pages for who runs the relay: /metrics, /status with its files and forms, and the details of /stats. */
export class AdminPages implements AdminRoutes {
  readonly #parts: AdminPagesParts;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #forms: ReadonlyMap<string, Page>;

  constructor(parts: AdminPagesParts) {
    this.#parts = parts;
    this.#pages = new Map<string, Page>([
      ["/metrics", (request) => this.#guarded(request, () => this.#metrics())],
      ["/status", (request) => this.#status(request)],
      ["/status/figures", (request) => this.#guarded(request, () => json(200, statusView(parts.figures())))],
      ["/status/script.js", () => file("text/javascript", STATUS_SCRIPT)],
      ["/status/style.css", () => file("text/css", STATUS_STYLE)],
    ]);
    this.#forms = new Map<string, Page>([
      ["/status/sign-in", (request) => this.#signIn(request)],
      ["/status/sign-out", (request) => this.#signOut(request)],
      ["/status/drain", (request) => this.#drain(request)],
      ["/status/revoke", (request) => this.#revoke(request)],
    ]);
  }

  /** What `GET` of this path gives; undefined where it is none of these pages. */
  page(path: string): Page | undefined {
    return this.#pages.get(path);
  }

  /** The same for `POST`; its form has not been looked at. */
  form(path: string): Page | undefined {
    const form = this.#forms.get(path);
    if (form === undefined) return undefined;
    return (request) => {
      const refusal = formRefusalOf(request);
      return refusal === undefined ? form(request) : text(refusal, "This takes a short form");
    };
  }

  /** Whether to show the details of /stats: undefined for the rest of the world, a refusal for a token that is wrong. */
  details(request: IncomingMessage): { readonly details: object } | { readonly refusal: Answer } | undefined {
    const { access, figures } = this.#parts;
    if (access.hasToken && !access.isPresenting(request)) return undefined;
    const refusal = access.refusalOf(request);
    if (refusal === "no-token" || refusal === "wrong-host") return undefined;
    return refusal === undefined ? { details: statsDetails(figures()) } : { refusal: refused(refusal) };
  }

  #guarded(request: IncomingMessage, page: () => Answer | Promise<Answer>): Answer | Promise<Answer> {
    const refusal = this.#parts.access.refusalOf(request);
    return refusal === undefined ? page() : refused(refusal);
  }

  async #metrics(): Promise<Answer> {
    return { status: 200, ...(await this.#parts.metrics()) };
  }

  #status(request: IncomingMessage): Answer {
    const { access } = this.#parts;
    // Who only opens the page has done nothing wrong: that counts as no refusal.
    if (access.hasToken && !access.isPresenting(request)) return signInAnswer("no-token", "status/");
    const refusal = access.refusalOf(request);
    if (refusal === "wrong-host") return refused(refusal);
    if (refusal !== undefined) return signInAnswer(refusal, "status/");
    return this.#statusPage(request, { status: 200, folder: "status/" });
  }

  #statusPage(request: IncomingMessage, { status, folder, notice }: ShownStatus): Answer {
    const { access, figures } = this.#parts;
    const page = { formToken: access.formToken(request), canSignOut: access.hasToken, notice, folder };
    return html(status, statusPage(statusView(figures()), page), POLICY);
  }

  async #signIn(request: IncomingMessage): Promise<Answer> {
    const { access } = this.#parts;
    if (!access.hasToken) return seeStatus({});
    const form = await readForm(request);
    const outcome = access.signIn(request, form.get("token") ?? "");
    return "cookie" in outcome ? seeStatus({ "set-cookie": outcome.cookie }) : signInAnswer(outcome.refusal, "");
  }

  async #signOut(request: IncomingMessage): Promise<Answer> {
    const { access } = this.#parts;
    const form = await readForm(request);
    if (!access.isOwnForm(request, form.get("form"))) return refused("forged");
    return seeStatus({ "set-cookie": access.signOut(request) });
  }

  async #drain(request: IncomingMessage): Promise<Answer> {
    const { drain, drainTimeoutMs, figures } = this.#parts;
    const form = await readForm(request);
    const refusal = this.#formRefusal(request, form);
    if (refusal !== undefined) return refusal;
    // Behind the answer: a relay that has ended gives none.
    return { ...drainAnswer(statusView(figures()), { drainTimeoutMs }), afterwards: drain };
  }

  async #revoke(request: IncomingMessage): Promise<Answer> {
    const form = await readForm(request);
    const refusal = this.#formRefusal(request, form);
    if (refusal !== undefined) return refusal;
    const [status, notice] = REVOKE_ANSWERS[await this.#parts.revoke((form.get("account") ?? "").trim())];
    return this.#statusPage(request, { status, folder: "", notice });
  }

  /** Of a form that does something for good. */
  #formRefusal(request: IncomingMessage, form: URLSearchParams): Answer | undefined {
    const { access } = this.#parts;
    const refusal = access.refusalOf(request);
    if (refusal !== undefined) return refused(refusal);
    if (!access.isOwnForm(request, form.get("form"))) return refused("forged");
    if (form.get("confirm") === "yes") return undefined;
    const notice = "Nothing was done: tick the box to confirm it.";
    return this.#statusPage(request, { status: 400, folder: "", notice });
  }
}

/** How the status page is shown. `folder`: where its files are, from the address that it is shown at. */
type ShownStatus = { readonly status: number; readonly folder: Folder; readonly notice?: string };

const SIGN_IN_NOTICES: Readonly<Record<Exclude<AdminRefusal, "no-token">, string>> = {
  "bad-token": "This is not the token.",
  "too-many-attempts": "Too many attempts from here. Wait a minute.",
  forged: "The form came from another site. Enter the token here.",
  "wrong-host": "Name this listener by its address or as localhost.",
};

function signInAnswer(refusal: AdminRefusal, folder: Folder): Answer {
  const notice = refusal === "no-token" ? undefined : SIGN_IN_NOTICES[refusal];
  const answer = html(REFUSAL_STATUS[refusal], signInPage(notice, folder), POLICY);
  return { ...answer, headers: { ...answer.headers, ...refusalHeaders(refusal) } };
}

function refused(refusal: AdminRefusal): Answer {
  return { ...text(REFUSAL_STATUS[refusal], REFUSAL_SENTENCES[refusal]), headers: refusalHeaders(refusal) };
}

/** RFC 9110 sections 10.2.3 and 11.6.1; RFC 6750 section 3. */
function refusalHeaders(refusal: AdminRefusal): Readonly<Record<string, string>> {
  if (refusal === "too-many-attempts") return { "retry-after": String(RETRY_AFTER_SECONDS) };
  return REFUSAL_STATUS[refusal] === 401 ? { "www-authenticate": "Bearer" } : {};
}

/**
 * RFC 9110 section 15.4.4: after a form, the page is fetched anew, so that a reload does not send the form again. The way to it
 * is relative (section 10.2.2): a proxy may serve all of it below a path.
 */
function seeStatus(headers: Readonly<Record<string, string>>): Answer {
  return { ...text(303, "See /status"), headers: { location: "../status", ...headers } };
}

function file(type: string, body: string): Answer {
  return { status: 200, contentType: `${type}; charset=utf-8`, body };
}
