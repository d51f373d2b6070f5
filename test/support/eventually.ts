import { PATIENCE_MS } from "./patience.ts";

const FIRST_STEP_MS = 5;
/** A claim that fails takes time from the relay in the same process: what takes long is asked less and less often. */
const MAX_STEP_MS = 100;

/** Waits until a claim holds, for what no event tells: counts inside the relay. Throws the last failure when it never does. */
export async function eventually(claim: () => void | Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (let stepMs = FIRST_STEP_MS; ; stepMs = Math.min(stepMs * 1.3, MAX_STEP_MS)) {
    try {
      await claim();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, stepMs);
      });
    }
  }
}
