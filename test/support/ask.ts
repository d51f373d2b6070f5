import { request as requestPlain } from "node:http";
import { request } from "node:https";
import type { TestRelay } from "./relay.ts";

/** What a relay answered. */
export type HttpAnswer = {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

/** What to ask beside the path. */
export type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
  /** Sent as it is, in place of a form. */
  readonly body?: string | Uint8Array;
  /** Plain HTTP on this port of loopback, in place of the relay's own. */
  readonly plainPort?: number;
  /** One of loopback's, from which to ask. */
  readonly localAddress?: string;
};

/** What of a relay it takes to ask it. */
type AskedRelay = Pick<TestRelay, "port" | "certificate">;

/** Asks a relay for a page, on a connection of its own. */
export function ask(
  relay: AskedRelay,
  path: string,
  { form, body: ownBody = "", plainPort, localAddress, method = form ? "POST" : "GET", headers = {} }: Asked = {},
): Promise<HttpAnswer> {
  const body = form === undefined ? ownBody : new URLSearchParams(form).toString();
  const formHeaders = form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  const options = {
    path,
    method,
    agent: false,
    localAddress,
    headers: { ...formHeaders, "content-length": Buffer.byteLength(body), ...headers },
  };
  return new Promise((resolve, reject) => {
    const asked =
      plainPort === undefined
        ? request({ ...options, host: "localhost", servername: "localhost", port: relay.port, ca: relay.certificate })
        : requestPlain({ ...options, host: "127.0.0.1", port: plainPort });
    asked.on("error", reject);
    asked.on("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    asked.end(body);
  });
}

/** The same with `POST`, unless it says otherwise. */
export function post(relay: AskedRelay, path: string, asked: Asked = {}): Promise<HttpAnswer> {
  return ask(relay, path, { method: "POST", ...asked });
}
