/**
 * What this client takes from the platform and Bare has not: each of it is defined where there is none yet, by Bare's own packages where they
 * have it. Two are put in place of what may be there: `crypto`, which in bare-crypto has no HKDF, and streams that close their sink when they
 * are made, as those of bare-stream do.
 */

import { AbortController, AbortSignal } from "bare-abort-controller";
import { getRandomValues, randomUUID } from "bare-crypto/web";
import { TextDecoder, TextEncoder } from "bare-encoding";
import performance from "bare-performance";
import { ReadableStream } from "./readable-stream.ts";
import { strictTextDecoder } from "./strict-text-decoder.ts";
import { BareSubtle } from "./subtle.ts";
import { WritableStream } from "./writable-stream.ts";

/** As far as it is looked at. */
type Sinking = new (sink: { readonly close: () => void }) => { abort(): Promise<unknown> };

const missing = {
  AbortController,
  AbortSignal,
  TextEncoder,
  TextDecoder: strictTextDecoder(TextDecoder),
  performance,
};

for (const [name, value] of Object.entries(missing)) if (!(name in globalThis)) define(name, value);
define("crypto", { getRandomValues, randomUUID, subtle: new BareSubtle() });
if (!hasStreams()) {
  define("ReadableStream", ReadableStream);
  define("WritableStream", WritableStream);
}

function hasStreams(): boolean {
  const { WritableStream: Given }: { readonly WritableStream?: Sinking } = globalThis;
  let isSound = Given !== undefined;
  if (Given !== undefined) new Given({ close: () => void (isSound = false) }).abort().catch(() => undefined);
  return isSound;
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
