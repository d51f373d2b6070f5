/** What a name may be made of, ports and paths left out. */
const NAME = /^[a-z0-9._~-]+$/;

/** The origins that may connect: of pages, apps and extensions. The forms are those that relay/config/origin.ts takes. */
export class AllowedOrigins {
  readonly #exact: ReadonlySet<string>;
  /** What stands before and behind the `*`. */
  readonly #wildcards: readonly { readonly start: string; readonly end: string }[];

  /** @param origins in small letters; empty takes all. */
  constructor(origins: readonly string[]) {
    this.#exact = new Set(origins.filter((origin) => !origin.includes("*")));
    this.#wildcards = origins
      .filter((origin) => origin.includes("*"))
      .map((origin) => {
        const at = origin.indexOf("*");
        return { start: origin.slice(0, at), end: origin.slice(at + 1) };
      });
  }

  /**
   * RFC 6454 section 7: browsers send it, and pages cannot change it. Others may send what they like, or nothing.
   * @param origin the header, undefined where there is none.
   */
  has(origin: string | undefined): boolean {
    if (origin === undefined || (this.#exact.size === 0 && this.#wildcards.length === 0)) return true;
    const text = origin.toLowerCase();
    return this.#exact.has(text) || this.#wildcards.some(({ start, end }) => isBetween(text, start, end));
  }
}

/** Whether a name, with dots in it or not, stands between the two. */
function isBetween(text: string, start: string, end: string): boolean {
  if (text.length <= start.length + end.length || !text.startsWith(start) || !text.endsWith(end)) return false;
  return NAME.test(text.slice(start.length, text.length - end.length));
}
