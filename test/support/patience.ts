/**
 * How many times longer than on an idle machine of two cores everything may take: `TEST_TIME_FACTOR`, a number of 1 or
 * more. Nothing waits for it in a passing run.
 */
export const TIME_FACTOR: number = readFactor(process.env["TEST_TIME_FACTOR"] ?? "1");

/** What one test may take, and what prepares it. The longer tests may take four times as much. */
export const TEST_TIMEOUT_MS: number = 15_000 * TIME_FACTOR;

/** How long a test waits for one thing: less than it may take itself, so that the failure says what did not come. */
export const PATIENCE_MS: number = 12_000 * TIME_FACTOR;

function readFactor(text: string): number {
  const factor = Number(text);
  if (factor >= 1 && factor <= 100) return factor;
  throw new Error(`TEST_TIME_FACTOR is ${JSON.stringify(text)}; it takes a number from 1 to 100`);
}
