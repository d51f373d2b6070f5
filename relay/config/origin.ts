/** The scheme of an origin, and what stands behind it. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/;
/** What apps and extensions name themselves by; Electron's is `.`, an extension's an id. */
const APP_HOST = /^(\*|[a-z0-9._~-]*)(:\d{1,5})?$/;
/** A name below which every name counts. */
const BELOW = /^\*\.(?=[^*]+$)/;

/**
 * Why no client would ever send this as its `Origin`, or undefined where one may (RFC 6454 section 6.2). Taken are the origins
 * of pages letter by letter, `https://*.example.com` for every name below that one, those of apps and extensions
 * (`capacitor://localhost`), all of their scheme (`moz-extension://*`), and `null`.
 * @param text in small letters.
 */
export function originProblem(text: string): string | undefined {
  if (text === "null") return undefined;
  if (text === "*") return "leave the option out to take all";
  const [, scheme, authority = "", rest] = ORIGIN.exec(text) ?? [];
  if (scheme === undefined) return "it needs the scheme too, such as https://";
  if (rest !== "") return `an origin has no path: write ${scheme}://${authority}`;
  if (scheme === "ws" || scheme === "wss") return "it is that of the page: write http or https";
  if (scheme === "http" || scheme === "https") return pageProblem(scheme, authority);
  return APP_HOST.test(authority) ? undefined : "its host has characters that no origin has";
}

function pageProblem(scheme: string, authority: string): string | undefined {
  if (authority === "*") return "leave the option out to take all";
  const name = authority.replace(BELOW, "");
  if (name.includes("*")) return "* stands for whole names before the first dot, as in https://*.example.com";
  // A name in front of an address makes neither a name nor an address.
  const example = name === authority ? name : `x.${name}`;
  const url = URL.parse(`${scheme}://${example}`);
  if (url === null || example === "") return "this is no host";
  if (url.username !== "" || url.password !== "") return "an origin has no user in it";
  const sent = name === authority ? url.origin : url.origin.replace("//x.", "//*.");
  return sent === `${scheme}://${authority}` ? undefined : `browsers write it ${sent}`;
}
