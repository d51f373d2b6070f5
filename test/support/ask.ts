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
  /** Plain HTTP on this port of loopback, in place of the relay's own. */
  readonly plainPort?: number;
  /** One of loopback's, from which to ask. */
  readonly localAddress?: string;
};

/** Asks a relay for a page, on a connection of its own. */
export function ask(
  relay: TestRelay,
  path: string,
  { form, plainPort, localAddress, method = form === undefined ? "GET" : "POST", headers = {} }: Asked = {},
): Promise<HttpAnswer> {
  const body = form === undefined ? "" : new URLSearchParams(form).toString();
  const formHeaders = form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  const options = {
    path,
    method,
    agent: false,
    localAddress,
    headers: { ...formHeaders, "content-length": body.length, ...headers },
  };
  return new Promise((resolve, reject) => {
    const asked =
      plainPort === undefined
        ? request({ ...options, host: "localhost", port: relay.port, ca: relay.certificate })
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

/** Asks like `ask`, with a body of any kind. */
export async function post(
  relay: Pick<TestRelay, "port" | "certificate">,
  path: string,
  {
    method = "POST",
    body = "",
    headers = {},
    localAddress,
  }: { readonly body?: string | Uint8Array } & Pick<Asked, "method" | "headers" | "localAddress"> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const length = { "content-length": Buffer.byteLength(body) };
    const ownHeaders = method === "GET" || method === "OPTIONS" ? headers : { ...length, ...headers };
    const options = { path, method, agent: false, localAddress, headers: ownHeaders };
    const asked = request({ ...options, host: "localhost", port: relay.port, ca: relay.certificate });
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
