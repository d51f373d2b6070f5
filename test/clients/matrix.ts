import { itWithClients } from "../support/requires.ts";
import { clientRows, type Part } from "./rows.ts";
import { scenarios } from "./scenarios.ts";
import { startClient } from "./start-client.ts";

/** Declares a test for each scenario with each client library of these parts. */
export function declareMatrix(...parts: readonly Part[]): void {
  for (const part of parts) {
    const it = itWithClients(part);
    for (const row of clientRows.filter((one) => one.part === part)) {
      for (const { title, run } of scenarios) {
        it(`${row.name} ${title}`, async () => run(await startClient(row), row));
      }
    }
  }
}
