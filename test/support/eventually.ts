import { PATIENCE_MS } from "./patience.ts";

const STEP_MS = 5;

/** Waits until a claim holds, for what no event tells: counts inside the relay. Throws the last failure when it never does. */
export async function eventually(claim: () => void | Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await claim();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, STEP_MS);
      });
    }
  }
}
