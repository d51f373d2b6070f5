import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Clock } from "../clock.ts";

/** A set of keys is some KiB. */
const MAX_ANSWER_BYTES = 262_144;

/** How to ask. `ca`: PEM that is trusted in place of the public roots; "" for none. */
export type FetchOptions = { readonly timeoutMs: number; readonly ca: string };

/**
 * Gets a text over https. Follows no redirect: the operator said whom to trust.
 * @throws Error that says what is wrong, for people; it holds nothing of the answer.
 */
export function fetchText(clock: Clock, url: string, { timeoutMs, ca }: FetchOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      headers: { accept: "application/json" },
      ...(ca === "" ? {} : { ca }),
      // A pool would keep a connection for minutes that carries one answer.
      agent: false,
    });
    const deadline = clock.after(timeoutMs, () => asked.destroy(new Error(`no whole answer in ${timeoutMs} ms`)));
    const end = (outcome: () => void): void => {
      deadline.cancel();
      outcome();
    };
    asked.on("error", (error) => end(() => reject(error)));
    asked.on("response", (message) => {
      readBody(message).then(
        (text) => end(() => resolve(text)),
        (error: unknown) => {
          asked.destroy();
          end(() => reject(error instanceof Error ? error : new Error("the answer broke off")));
        },
      );
    });
    asked.end();
  });
}

async function readBody(message: IncomingMessage): Promise<string> {
  if (message.statusCode !== 200) throw new Error(`the answer has status ${message.statusCode}`);
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    byteCount += chunk.length;
    if (byteCount > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
