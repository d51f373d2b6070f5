import { setImmediate as nextTurn } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** What takes time in threads of the pool. */
const methods = ["sign", "verify", "importKey", "exportKey", "deriveBits", "generateKey"] as const;

let inFlightCount = 0;
let verifiedCount = 0;
let isWatched = false;

/** Watches what is asked of WebCrypto, until the test has finished. */
export function watchCryptography(): void {
  if (isWatched) return;
  isWatched = true;
  for (const method of methods) {
    const real = crypto.subtle[method].bind(crypto.subtle) as (...given: unknown[]) => Promise<unknown>;
    const counted = async (...given: unknown[]): Promise<unknown> => {
      inFlightCount += 1;
      if (method === "verify") verifiedCount += 1;
      try {
        return await real(...given);
      } finally {
        inFlightCount -= 1;
      }
    };
    Object.defineProperty(crypto.subtle, method, { value: counted, configurable: true });
  }
  onTestFinished(() => {
    isWatched = false;
    for (const method of methods) Reflect.deleteProperty(crypto.subtle, method);
  });
}

/** Resolves when WebCrypto has done all that was asked of it, and what followed from that. Real time: simulated time stands still. */
export async function quietCryptography(): Promise<void> {
  let quietCount = 0;
  while (quietCount < 2) {
    await nextTurn();
    quietCount = inFlightCount === 0 ? quietCount + 1 : 0;
  }
}

/** How many signatures were checked while it was watched. */
export function verificationCount(): number {
  return verifiedCount;
}
