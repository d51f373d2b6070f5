import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import HyperDHT from "hyperdht";
import { WebSocketServer } from "ws";
import { loadCustodial } from "./custodial.ts";
import { serveEnd } from "./end-process.ts";

/** What the relay is started with, as its argument: PEM, and the DHT that it is a node of. */
export type CustodialSetting = {
  readonly key: string;
  readonly certificate: string;
  readonly bootstrap: readonly { readonly host: string; readonly port: number }[];
};

/** What the parent asks of it: the port where it listens. */
export type CustodialRequest = { readonly ask: "port" };

/** A relay as the README of `@hyperswarm/dht-relay` has it, over TLS: one node of the DHT for each peer, which gets the peer's key. */
// It throws where a peer has gone that was connected, which is after what is measured.
process.on("uncaughtException", () => process.exit(1));
const { key, certificate, bootstrap } = JSON.parse(process.argv[2] ?? "") as CustodialSetting;
const { relay, Stream } = await loadCustodial();
const server = createServer({ key, cert: certificate });
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
  const dht = new HyperDHT({ bootstrap, host: "127.0.0.1", firewalled: false, ephemeral: false });
  void relay(dht, new Stream(false, socket));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
serveEnd((_request: CustodialRequest) => Promise.resolve(port));
