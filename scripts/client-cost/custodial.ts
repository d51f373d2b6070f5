import { pathToFileURL } from "node:url";
import type HyperDHT from "hyperdht";
import type { WebSocket } from "ws";
import { packagePath } from "../bench/needs.ts";

const PACKAGE = "@hyperswarm/dht-relay";

type StreamClass = new (isInitiator: boolean, socket: WebSocket) => object;

/** As much of `@hyperswarm/dht-relay` as this uses: it is no dependency, so its types are not here. */
type Custodial = {
  /** A network for a swarm whose secret key the relay gets. */
  readonly Node: new (
    stream: object,
  ) => HyperDHT;
  readonly relay: (dht: HyperDHT, stream: object) => unknown;
  readonly Stream: StreamClass;
};

/** Whether it is among the peers of the benchmark. */
export function hasCustodial(): boolean {
  return packagePath(PACKAGE) !== undefined;
}

/** @throws Error where it is not. */
export async function loadCustodial(): Promise<Custodial> {
  const [main, transport] = await Promise.all([load(PACKAGE), load(`${PACKAGE}/ws`)]);
  const { default: Node } = main as { readonly default: Custodial["Node"] & { readonly relay: Custodial["relay"] } };
  const { default: Stream } = transport as { readonly default: StreamClass };
  return { Node, relay: Node.relay, Stream };
}

function load(name: string): Promise<unknown> {
  return import(pathToFileURL(packagePath(name) ?? "").href);
}
