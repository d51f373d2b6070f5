import type { IncomingMessage } from "node:http";

/** RFC 9112 section 3.2.2; ws and wss come from clients that write their whole address. */
const ABSOLUTE_FORM = /^(?:https?|wss?):\/\/([^/?#]*)([^#]*)/i;

/**
 * Brings the target of a request into origin-form (RFC 9112 section 3.2.1). In absolute-form its host counts, and not that
 * of the Host field, which some proxies leave as it was.
 */
export function toOriginForm(request: IncomingMessage): void {
  const [, authority, rest = ""] = ABSOLUTE_FORM.exec(request.url ?? "") ?? [];
  if (authority === undefined) return;
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  request.headers.host = authority.replace(/^.*@/, "");
}
