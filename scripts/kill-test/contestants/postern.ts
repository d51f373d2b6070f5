import { existsSync } from "node:fs";
import type { ConnectOptions, Relay } from "../../../client/relay.ts";
import { type KillTestContestant, type ServerSetting, TOPIC } from "../contestant.ts";

const RELAY_PATH = new URL("../../../relay/main.ts", import.meta.url).pathname;
const CLIENT = new URL("../../../client/node.ts", import.meta.url);

type ClientModule = { readonly connect: (address: string, options?: ConnectOptions) => Relay };

/** All members are given the same one. */
const SECRET = Buffer.alloc(32, "kill-test").toString("base64url");

/** This relay with its SDK, sealed as an app has it. */
export const postern: KillTestContestant = withSdk(
  "Postern",
  "the relay of this repository and its SDK, both with their defaults: sealed between the ends",
  { secret: SECRET },
);

/** The same without sealing. */
export const posternPublic: KillTestContestant = withSdk("Postern public", "the same, not sealed", TOPIC);

function withSdk(name: string, sentence: string, topic: Parameters<Relay["join"]>[0]): KillTestContestant {
  return {
    name,
    sentence,
    missing: () => (existsSync(CLIENT) ? undefined : "client/node.ts is not there yet"),
    command: (setting) => [process.execPath, RELAY_PATH, "serve", ...flagsOf(setting)],
    openMember: async ({ port, ca }, hooks) => {
      // By a name that is computed: the rest of the test works where the SDK does not.
      const { connect } = (await import(CLIENT.href)) as ClientModule;
      const relay = connect(`wss://127.0.0.1:${port}`, { tls: { ca } });
      const joined = await relay.join(topic, { public: true });
      joined.on("message", ({ data }) => hooks.onMessage(data));
      joined.on("lost", ({ count }) => hooks.onLost(count));
      joined.on("held", ({ peers }) => hooks.onHeld(peers.length > 0));
      return {
        publish: (bytes) => joined.broadcast(bytes),
        close: () => relay.close(),
      };
    },
  };
}

function flagsOf({ port, keyPath, certificatePath }: ServerSetting): readonly string[] {
  const files = ["--tls", "files", "--tls-key-file", keyPath, "--tls-cert-file", certificatePath];
  return ["--port", String(port), "--host", "127.0.0.1", "--log-level", "error", ...files];
}
