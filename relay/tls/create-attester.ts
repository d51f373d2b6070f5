import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/options.ts";
import { Attester, type OpenedKey } from "./attester.ts";
import { createStore } from "./create-source.ts";
import { keptOwnKey, ownKeyIn, ownKeyInFile } from "./own-key.ts";
import { type CertificateStore, StoreError } from "./store/ports.ts";

/**
 * Makes what speaks for the relay's certificates, with the key that the options name; undefined where there is none: without
 * TLS, and with a certificate of the relay's own making, which clients pin or do not trust at all.
 * @param given a store in place of what the options say.
 */
export function createAttester(
  parts: { readonly clock: Clock; readonly log: Logger },
  config: Config,
  given: CertificateStore | undefined,
): Attester | undefined {
  if (!hasOwnKey(config) && (given === undefined || config.tls === "off")) return undefined;
  return new Attester({ ...parts, open: () => openKey(config, given) });
}

/**
 * What is known of the key without making one, for people: its public half, or where it will come from. Asks no vault.
 * @returns undefined where these options have none. @throws RelayError RELAY_KEY_UNUSABLE
 */
export async function ownKeyText(config: Config): Promise<string | undefined> {
  if (!hasOwnKey(config)) return undefined;
  if (config.relayKeyFile !== "") return (await ownKeyInFile(config.relayKeyFile)).publicText;
  if (config.keyVaultUrl !== "") return "in the Key Vault; the relay logs it at its start";
  const store = await createStore(config);
  try {
    const key = await keptOwnKey(store);
    return key?.publicText ?? `none yet: the relay makes it at its first start, in ${store.description}`;
  } catch (error) {
    if (error instanceof StoreError) return error.message;
    throw error;
  }
}

function hasOwnKey({ tls, relayKeyFile }: Config): boolean {
  return tls !== "off" && (relayKeyFile !== "" || tls !== "self-signed");
}

async function openKey(config: Config, given: CertificateStore | undefined): Promise<OpenedKey> {
  const { relayKeyFile } = config;
  if (relayKeyFile !== "") return { key: await ownKeyInFile(relayKeyFile), place: `file ${relayKeyFile}` };
  const store = given ?? (await createStore(config));
  return { key: await ownKeyIn(store), place: store.description };
}
