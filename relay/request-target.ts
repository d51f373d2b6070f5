import type { IncomingMessage } from "node:http";
import type { Target } from "./session/ports.ts";

/** RFC 9112 section 3.2.2; ws and wss come from clients that write their whole address. */
const ABSOLUTE_FORM = /^(?:https?|wss?):\/\/([^/?#]*)([^#]*)/i;

/** What a request in origin-form asks for (RFC 9112 section 3.2.1); its query does not matter. */
export function targetOf({ url = "", headers, socket }: IncomingMessage): Target {
  const host = headers.host?.toLowerCase() ?? "";
  return { path: url.split("?", 1)[0] ?? "", host: host.replace(/:\d*$/, ""), port: socket.localPort };
}

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
