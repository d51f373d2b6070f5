import { get } from "node:https";

/** What `/ready` says, and with which status. */
export type Ready = {
  readonly code: number | undefined;
  readonly status: string;
  readonly certificate: Readonly<Record<string, unknown>>;
};

/** Asks a relay with TLS on loopback whether it is ready, whatever its certificate. */
export function askReady(port: number): Promise<Ready> {
  return new Promise((resolve, reject) => {
    get(`https://127.0.0.1:${port}/ready`, { rejectUnauthorized: false, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () => resolve({ code: response.statusCode, ...(JSON.parse(body) as Omit<Ready, "code">) }));
    }).on("error", reject);
  });
}
