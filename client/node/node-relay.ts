import type { ConnectOptions, RelayInfo } from "../relay.ts";
import { RelayClient, type RelayClientParts } from "../relay-client.ts";
import type { Dialler } from "./dialler.ts";

/** A relay that also tells how its connection got there: no other runtime shows that. */
export class NodeRelay extends RelayClient {
  readonly #dialler: Pick<Dialler, "way">;

  constructor(parts: RelayClientParts, address: string, options: ConnectOptions, dialler: Pick<Dialler, "way">) {
    super(parts, address, options);
    this.#dialler = dialler;
  }

  override get info(): RelayInfo {
    return { ...super.info, ...this.#dialler.way };
  }
}
