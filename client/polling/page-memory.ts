import { epochMs } from "../clock.ts";
import type { Transport, TransportMemory } from "../line/transport.ts";

/** A page cannot tell one network from another: what it knows is good for so long. */
const GOOD_MS = 3_600_000;

type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

/**
 * Remembers, for the pages of this site, that a relay is to be polled. @param address of the relay; its host alone is kept.
 * @param storage where; undefined, or one that throws, as in a private window: nothing is remembered.
 */
export function pageMemory(address: string, storage: Storage | undefined = storageOf(globalThis)): TransportMemory {
  const key = `postern.polling ${hostOf(address)}`;
  return {
    recall: () => quietly(() => (Number(storage?.getItem(key)) > epochMs() ? "polling" : undefined)),
    remember: (transport: Transport) => {
      quietly(() => {
        if (transport === "polling") storage?.setItem(key, String(epochMs() + GOOD_MS));
        else storage?.removeItem(key);
      });
    },
  };
}

/** There is none outside of pages. */
function storageOf(scope: { readonly localStorage?: Storage }): Storage | undefined {
  return quietly(() => scope.localStorage);
}

function hostOf(address: string): string {
  return quietly(() => new URL(address).host) ?? "";
}

/** Storage may be forbidden, or full. */
function quietly<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
