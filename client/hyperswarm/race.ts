/** A connection that could begin. */
export type Candidate = {
  /** It is the one. */
  readonly begin: () => void;
  /** Another one is. */
  readonly discard: () => void;
};

/** A runner, and when the others are told to stop. */
export type Runner = (signal: AbortSignal) => Promise<Candidate>;

/**
 * Runs all, and gives the first that could begin. The others are stopped, and what they still come to is discarded.
 * @throws what the last one in the list has failed with, when all have
 */
export async function race(runners: readonly Runner[], signal: AbortSignal): Promise<Candidate> {
  const over = new AbortController();
  const stop = AbortSignal.any([over.signal, signal]);
  const runs = runners.map((runner) => runner(stop));
  try {
    const winner = await Promise.any(runs);
    for (const run of runs) void discardUnless(winner, run);
    return winner;
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error;
  } finally {
    over.abort();
  }
}

async function discardUnless(winner: Candidate, run: Promise<Candidate>): Promise<void> {
  const candidate = await run.catch(() => undefined);
  if (candidate !== winner) candidate?.discard();
}
