import type { SecretClient, SecretClientOptions, SecretProperties } from "@azure/keyvault-secrets";
import { type Clock, systemClock } from "../../clock.ts";
import { checkEntry, checkEntryName } from "./entry.ts";
import { isNotFound, toStoreError } from "./key-vault-error.ts";
import { type CertificateStore, type EntryFacts, StoreError } from "./ports.ts";

/** Which vault, and as whom. */
export type KeyVault = {
  /** `https://<name>.vault.azure.net` */
  readonly vaultUrl: string;
  /** Of a user-assigned managed identity; "" is the system-assigned one. */
  readonly clientId: string;
};

type Policy = NonNullable<SecretClientOptions["additionalPolicies"]>[number]["policy"];

/** What tunes the store; none of it is needed with Azure. */
export type KeyVaultOptions = {
  readonly clock?: Clock;
  /** How long a load or a save may take, its retries and the wait for a token included. */
  readonly timeoutMs?: number;
  /**
   * For a vault that is not Azure's, such as an emulator: the only certificate authority (PEM) that is believed, and
   * tokens may be for another domain than the vault's.
   */
  readonly emulator?: { readonly ca: string };
};

/** A token endpoint that starts with the container is asked again for about 6 s; a throttled vault says when, mostly in seconds. */
const TIMEOUT_MS = 15_000;
/** The version in use and the one before: who reads while another writes, and who wants to go back once, finds it. */
const VERSIONS_KEPT = 2;

/**
 * Keeps entries as secrets of an Azure Key Vault, one secret per entry, with the rights of a managed identity. A save
 * makes a new version, whole or not at all.
 *
 * Nothing but a managed identity is tried: a relay in a container must not find the login of a developer by chance. The
 * Azure SDK is loaded with the first call. It retries what is worth it (408, 429, 5xx, a connection that fails, a token
 * endpoint that is not up yet) until the time is over; 403 it does not retry, and the caller should, later: a new role
 * may take minutes to work.
 */
export class KeyVaultStore implements CertificateStore {
  readonly description: string;
  readonly #vault: KeyVault;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #emulator: KeyVaultOptions["emulator"];
  #client: Promise<SecretClient> | undefined;

  constructor(vault: KeyVault, { clock = systemClock, timeoutMs = TIMEOUT_MS, emulator }: KeyVaultOptions = {}) {
    this.description = `key vault ${vault.vaultUrl}`;
    this.#vault = vault;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#emulator = emulator;
  }

  async load(entry: string): Promise<string | undefined> {
    checkEntryName(entry);
    try {
      const { value } = await this.#inTime((client, abortSignal) => client.getSecret(entry, { abortSignal }));
      if (value === undefined) throw new StoreError("store-corrupt", `${this.description}: ${entry} has no value`);
      return value;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw this.#failed(`read ${entry}`, error);
    }
  }

  /** Nothing to make, and nothing to say: a role may come minutes after the relay, and only a save finds out. */
  async prepare(): Promise<void> {
    await Promise.resolve();
  }

  async save(entry: string, text: string, { expiresAtMs }: EntryFacts = {}): Promise<void> {
    checkEntry(entry, text, this.description);
    const expiry = expiresAtMs === undefined ? {} : { expiresOn: new Date(expiresAtMs) };
    let saved: SecretProperties;
    try {
      ({ properties: saved } = await this.#inTime((client, abortSignal) =>
        client.setSecret(entry, text, { contentType: "application/json", ...expiry, abortSignal }),
      ));
    } catch (error) {
      throw this.#failed(`write ${entry}`, error);
    }
    // Only what expires holds the key of a certificate; the other entries would leave hundreds of versions to list.
    if (expiresAtMs !== undefined) await this.#disableOldVersions(entry, saved);
  }

  /**
   * Keeps old keys from being read. The entry is saved by now: where listing or disabling is not permitted or takes too
   * long, the old versions stay readable to those who may read the new one, and the next renewal tries again.
   */
  async #disableOldVersions(entry: string, saved: SecretProperties): Promise<void> {
    try {
      await this.#inTime(async (client, abortSignal) => {
        const versions: SecretProperties[] = [];
        for await (const version of client.listPropertiesOfSecretVersions(entry, { abortSignal }))
          versions.push(version);
        for (const { version } of outdated(versions, saved)) {
          await client.updateSecretProperties(entry, version, { enabled: false, abortSignal });
        }
      });
    } catch {
      this.#client = undefined;
    }
  }

  /** Runs a call against the vault, with all that it waits for, in bounded time. */
  async #inTime<T>(call: (client: SecretClient, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    let limit = { cancel: (): void => undefined };
    const overdue = new Promise<never>((_, reject) => {
      // The signal alone is not enough: the SDK does not heed it while it waits for a token.
      limit = this.#clock.after(this.#timeoutMs, () => {
        reject(this.#tooSlow());
        abort.abort();
      });
    });
    try {
      return await Promise.race([this.#connect().then((client) => call(client, abort.signal)), overdue]);
    } finally {
      limit.cancel();
    }
  }

  #tooSlow(): StoreError {
    const seconds = this.#timeoutMs / 1000;
    return new StoreError(
      "store-unreachable",
      `${this.description}: no answer within ${seconds} s, from the vault or from the token endpoint of the identity`,
    );
  }

  /** After a failure the next call starts afresh: a client may be left in the middle of a login that never ends. */
  #failed(what: string, error: unknown): StoreError {
    this.#client = undefined;
    return toStoreError(this.description, what, error);
  }

  #connect(): Promise<SecretClient> {
    this.#client ??= connect(this.#vault, this.#emulator);
    return this.#client;
  }
}

/** Those enabled versions that are older than the last ones and not the one just saved. Times are in seconds: a tie stays. */
function outdated(versions: readonly SecretProperties[], saved: SecretProperties): { readonly version: string }[] {
  const newestFirst = versions.map(createdMs).toSorted((a, b) => b - a);
  const keptSinceMs = newestFirst[VERSIONS_KEPT - 1] ?? 0;
  return versions.flatMap((each) => {
    const { version, enabled } = each;
    if (enabled === false || version === undefined || version === saved.version) return [];
    return createdMs(each) < keptSinceMs ? [{ version }] : [];
  });
}

function createdMs({ createdOn }: SecretProperties): number {
  return createdOn?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

/** The SDK reads the body of every error, and loses the status of one that has none. */
const bodyForErrors: Policy = {
  name: "bodyForErrors",
  async sendRequest(request, next) {
    const response = await next(request);
    if (response.status >= 400) response.bodyAsText ||= "{}";
    return response;
  },
};

/** A relay without a vault never loads the SDK: 40 MB of memory and a fifth of a second. */
async function connect({ vaultUrl, clientId }: KeyVault, emulator: KeyVaultOptions["emulator"]): Promise<SecretClient> {
  const [{ ManagedIdentityCredential }, { SecretClient: Client }, { setLogLevel }] = await Promise.all([
    import("@azure/identity"),
    import("@azure/keyvault-secrets"),
    import("@azure/logger"),
  ]);
  // It would log to standard error in a form of its own, where AZURE_LOG_LEVEL asks for it.
  setLogLevel();
  const credential = clientId === "" ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
  return new Client(vaultUrl, credential, {
    additionalPolicies: [{ policy: bodyForErrors, position: "perCall" }],
    ...(emulator && { tlsOptions: { ca: emulator.ca }, disableChallengeResourceVerification: true }),
  });
}
