import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { Client } from "../support/client.ts";
import { startRelay } from "../support/relay.ts";

/**
 * The golden vectors: conversations as text frames, to the letter. Each file holds scenarios; a scenario is a list of
 * steps in order. `who` sends `send` to the relay, or receives `receive` from it. `relay`: options of the relay.
 */
type Step = { readonly who: string; readonly send?: string; readonly receive?: string };
type Scenario = {
  readonly title: string;
  readonly subprotocol?: string;
  readonly relay?: Partial<Config>;
  readonly steps: readonly Step[];
};

for (const file of ["classic.json", "v1.json", "access.json"]) {
  const scenarios = JSON.parse(
    readFileSync(new URL(`vectors/${file}`, import.meta.url), "utf8"),
  ) as readonly Scenario[];

  describe(file, () => {
    it.each(scenarios)("$title", async ({ subprotocol, relay: options, steps }) => {
      const relay = await startRelay(options);
      const clients = new Map<string, Client>();
      const read = new Map<string, number>();

      for (const { who, send, receive } of steps) {
        const client =
          clients.get(who) ?? (await Client.open(relay, { subprotocols: subprotocol ? [subprotocol] : [] }));
        clients.set(who, client);
        if (send !== undefined) {
          client.send(send);
          await client.settled();
        }
        if (receive !== undefined) {
          await client.next();
          const index = read.get(who) ?? 0;
          // The secret is another one in each run.
          expect(client.texts[index]?.replace(/"takeover":"[^"]+"/, '"takeover":"<secret>"')).toBe(receive);
          read.set(who, index + 1);
        }
      }

      for (const client of clients.values()) await client.expectNothing();
    });
  });
}
