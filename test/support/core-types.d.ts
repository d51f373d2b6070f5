declare module "corestore" {
  import type NoiseSecretStream from "@hyperswarm/secret-stream";

  class Corestore {
    constructor(folder: string);
    ready(): Promise<void>;
    get(options: { readonly name: string } | { readonly key: Uint8Array }): Corestore.Core;
    replicate(connection: NoiseSecretStream): void;
    close(): Promise<void>;
  }

  namespace Corestore {
    interface Core {
      readonly key: Uint8Array;
      readonly discoveryKey: Uint8Array;
      readonly length: number;
      ready(): Promise<void>;
      append(blocks: Uint8Array | readonly Uint8Array[]): Promise<unknown>;
      update(options?: { readonly wait?: boolean }): Promise<boolean>;
      get(index: number): Promise<Buffer>;
      download(range: { readonly start: number; readonly end: number }): { done(): Promise<void> };
      on(event: "download", listener: (index: number, byteLength: number) => void): void;
    }
  }

  export = Corestore;
}

declare module "autobase" {
  import type Corestore from "corestore";

  type View = { readonly length: number; append(value: string): Promise<void>; get(index: number): Promise<string> };
  type Host = { addWriter(key: Buffer, options?: { readonly indexer?: boolean }): Promise<void> };

  class Autobase {
    constructor(
      store: Corestore,
      bootstrap: Uint8Array | null,
      handlers: {
        readonly valueEncoding: "json";
        open(store: { get(name: string, options: { readonly valueEncoding: "json" }): View }): View;
        apply(nodes: readonly { readonly value: unknown }[], view: View, host: Host): Promise<void>;
      },
    );
    readonly key: Buffer;
    readonly discoveryKey: Buffer;
    readonly local: { readonly key: Buffer };
    readonly writable: boolean;
    readonly view: View;
    ready(): Promise<void>;
    append(value: unknown): Promise<void>;
    update(): Promise<void>;
    close(): Promise<void>;
  }

  export = Autobase;
}
