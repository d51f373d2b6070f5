import { checkEntry, checkEntryName } from "../../relay/tls/store/entry.ts";
import { type CertificateStore, StoreError, type StoreErrorCode } from "../../relay/tls/store/ports.ts";

/** A store that forgets when the test ends, and that fails when it is told to. Passes the contract suite of stores. */
export class MemoryCertificateStore implements CertificateStore {
  readonly description: string = "memory";
  readonly entries: Map<string, string>;
  /** What each load, save or preparation fails with from now on. */
  loadFailure: StoreErrorCode | undefined;
  saveFailure: StoreErrorCode | undefined;
  prepareFailure: StoreErrorCode | undefined;

  /** @param entries what an earlier store kept: the same map is the same place. */
  constructor(entries: Map<string, string> = new Map()) {
    this.entries = entries;
  }

  async load(entry: string): Promise<string | undefined> {
    checkEntryName(entry);
    if (this.loadFailure !== undefined) throw new StoreError(this.loadFailure, "memory: told to fail");
    return this.entries.get(entry);
  }

  async prepare(): Promise<void> {
    if (this.prepareFailure !== undefined) throw new StoreError(this.prepareFailure, "memory: told to fail");
  }

  async save(entry: string, text: string): Promise<void> {
    checkEntry(entry, text, this.description);
    if (this.saveFailure !== undefined) throw new StoreError(this.saveFailure, "memory: told to fail");
    this.entries.set(entry, text);
  }
}
