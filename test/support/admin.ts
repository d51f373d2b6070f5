import { type Asked, ask, type HttpAnswer } from "./ask.ts";
import type { TestRelay } from "./relay.ts";

/** The admin token of relays in tests. */
export const ADMIN_TOKEN = "c2VjcmV0LW9mLXRoZS1hZG1pbg";

/** The header of a scraper. */
export const BEARER: Readonly<Record<string, string>> = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** Asks with the token. */
export function askAsAdmin(relay: TestRelay, path: string, asked: Asked = {}): Promise<HttpAnswer> {
  return ask(relay, path, { ...asked, headers: { ...BEARER, ...asked.headers } });
}

/** Signs in at the status page. @returns the cookie to send. */
export async function signIn(relay: TestRelay): Promise<string> {
  const { headers } = await ask(relay, "/status/sign-in", { form: { token: ADMIN_TOKEN } });
  const [cookie = ""] = headers["set-cookie"] ?? [];
  return cookie.split(";", 1)[0] ?? "";
}

/** What the forms of a status page bring back. */
export function formTokenOf({ body }: HttpAnswer): string {
  const [, token = ""] = /name="form" value="([\w-]+)"/.exec(body) ?? [];
  return token;
}
