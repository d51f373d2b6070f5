import { existsSync } from "node:fs";
import type { ConnectOptions, Relay } from "../../../client/relay.ts";
import { type KillTestContestant, type ServerSetting, TOPIC } from "../contestant.ts";

const RELAY_PATH = new URL("../../../relay/main.ts", import.meta.url).pathname;
const CLIENT = new URL("../../../client/node.ts", import.meta.url);

type ClientModule = { readonly connect: (address: string, options?: ConnectOptions) => Relay };

/** This relay with its SDK. */
export const postern: KillTestContestant = {
  name: "Postern",
  sentence: "the relay of this repository and its SDK, both with their defaults",
  missing: () => (existsSync(CLIENT) ? undefined : "client/node.ts is not there yet"),
  command: (setting) => [process.execPath, "--max-semi-space-size=1", RELAY_PATH, "serve", ...flagsOf(setting)],
  openMember: async ({ port, ca }, hooks) => {
    // By a name that is computed: the rest of the test works where the SDK does not.
    const { connect } = (await import(CLIENT.href)) as ClientModule;
    const relay = connect(`wss://127.0.0.1:${port}`, { tls: { ca } });
    const topic = await relay.join(TOPIC);
    topic.on("message", ({ data }) => hooks.onMessage(data));
    topic.on("lost", ({ count }) => hooks.onLost(count));
    topic.on("held", ({ peers }) => hooks.onHeld(peers.length > 0));
    return {
      publish: (bytes) => topic.broadcast(bytes),
      close: () => relay.close(),
    };
  },
};

function flagsOf({ port, keyPath, certificatePath }: ServerSetting): readonly string[] {
  const files = ["--tls", "files", "--tls-key-file", keyPath, "--tls-cert-file", certificatePath];
  return ["--port", String(port), "--host", "127.0.0.1", "--log-level", "error", ...files];
}
