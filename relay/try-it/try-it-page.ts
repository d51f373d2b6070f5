import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type Answer, html, text } from "../http/answer.ts";
import type { Page } from "../http/routes.ts";
import { DOCTOR_MARKUP } from "./doctor-markup.ts";
import { tryItMarkup } from "./markup.ts";
import type { ScriptName } from "./page-script.ts";
import { TRY_IT_STYLE } from "./style.ts";

/**
 * No script and no style but our own files, no connection but to this relay (CSP level 3: 'self' holds for ws: and wss:
 * too), no form that leads anywhere, in no frame, and no text that becomes markup.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** What it uses. */
export type TryItPageParts = {
  /** Gives the script of a page; asked once for each, when somebody opens the page. */
  readonly readScript: (name: ScriptName) => Promise<Buffer>;
};

type Packed = { readonly plain: Buffer; readonly gzipped: Buffer };

/** The pages on which people try the relay, and see why it is not reached: what they are made of, by path. */
export class TryItPage {
  readonly #parts: TryItPageParts;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #scripts = new Map<ScriptName, Promise<Packed | undefined>>();

  constructor(parts: TryItPageParts) {
    this.#parts = parts;
    this.#pages = new Map<string, Page>([
      ["/doctor", () => html(200, DOCTOR_MARKUP, POLICY)],
      ["/try-it/page.js", (request) => this.#answerScript("page", request)],
      ["/try-it/doctor.js", (request) => this.#answerScript("doctor", request)],
      ["/try-it/style.css", () => file("text/css", TRY_IT_STYLE)],
    ]);
  }

  /** The page itself, for `/`. @param version undefined: not told. */
  document(version: string | undefined): Answer {
    return html(200, tryItMarkup(version), POLICY);
  }

  /** What `GET` of this path gives; undefined where it is no file of the page. */
  file(path: string): Page | undefined {
    return this.#pages.get(path);
  }

  async #answerScript(name: ScriptName, request: IncomingMessage): Promise<Answer> {
    const packing = this.#scripts.get(name) ?? this.#pack(name);
    this.#scripts.set(name, packing);
    const script = await packing;
    if (script === undefined) return text(503, "The script of this page could not be made. In a checkout: npm ci");
    if (!/\bgzip\b/.test(request.headers["accept-encoding"]?.toString() ?? "")) {
      return file("text/javascript", script.plain);
    }
    const answer = file("text/javascript", script.gzipped);
    return { ...answer, headers: { "content-encoding": "gzip", vary: "accept-encoding" } };
  }

  async #pack(name: ScriptName): Promise<Packed | undefined> {
    try {
      const plain = await this.#parts.readScript(name);
      return { plain, gzipped: await promisify(gzip)(plain, { level: 9 }) };
    } catch {
      return undefined;
    }
  }
}

function file(type: string, body: string | Buffer): Answer {
  return { status: 200, contentType: `${type}; charset=utf-8`, body };
}
