import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { isThere, packagePath, programPath } from "../../bench/needs.ts";
import type { ServerCommand } from "../../bench/server-command.ts";
import type { KillTestContestant, KillTestMember, ServerSetting } from "../contestant.ts";
import { TOPIC } from "../contestant.ts";

/** Its client for binary data. */
const CLIENT_PACKAGE = "centrifuge/build/protobuf";
const PUBLISH_AGAIN_MS = 100;

/** As much of its client as this uses: it is no dependency, so its types are not here. */
type Subscription = {
  on(event: "publication", listener: (publication: { readonly data: Uint8Array }) => void): void;
  on(
    event: "subscribed",
    listener: (context: { readonly wasRecovering: boolean; readonly recovered: boolean }) => void,
  ): void;
  subscribe(): void;
  ready(timeoutMs: number): Promise<void>;
  publish(data: Uint8Array): Promise<unknown>;
};
type Centrifuge = { connect(): void; disconnect(): void; newSubscription(channel: string): Subscription };
type CentrifugeClient = { readonly Centrifuge: new (url: string, options: object) => Centrifuge };

/** Centrifugo with history and recovery. */
export const centrifugo: KillTestContestant = {
  name: "Centrifugo",
  sentence:
    "version 6 with its memory engine, `history_size` 10,000, `history_ttl` 300 s, `force_recovery`, and limits that let all " +
    "of this be recovered; its own client in binary; the app publishes one message at a time, and again where that fails; " +
    "a subscription that was not recovered counts as told",
  missing: () =>
    isThere({ program: "centrifugo" }) && isThere({ npmPackage: CLIENT_PACKAGE })
      ? undefined
      : "go install github.com/centrifugal/centrifugo/v6@latest; npm install --prefix $PEERS centrifuge",
  command: centrifugoCommand,
  openMember: async ({ port, ca, index }, hooks) => {
    const path = pathToFileURL(packagePath(CLIENT_PACKAGE) ?? "").href;
    const { Centrifuge } = (await import(path)) as CentrifugeClient;
    const websocket = class extends WebSocket {
      constructor(url: string, protocols: string | string[]) {
        super(url, protocols, { ca, perMessageDeflate: false });
      }
    };
    const client = new Centrifuge(`wss://127.0.0.1:${port}/connection/websocket`, { websocket });
    const subscription = client.newSubscription(TOPIC);
    subscription.on("subscribed", ({ wasRecovering, recovered }) => {
      if (wasRecovering && !recovered) hooks.onLost(undefined);
    });
    subscription.on("publication", ({ data }) => {
      if (!isOwn(data, index)) hooks.onMessage(data);
    });
    subscription.subscribe();
    client.connect();
    await subscription.ready(10_000);
    return new Publisher(subscription, client);
  },
};

/** Publishes one message after the other, each until the server has taken it. */
class Publisher implements KillTestMember {
  readonly #subscription: Subscription;
  readonly #client: Centrifuge;
  #isClosed = false;

  constructor(subscription: Subscription, client: Centrifuge) {
    this.#subscription = subscription;
    this.#client = client;
  }

  async publish(bytes: Uint8Array): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#subscription.publish(bytes);
        return;
      } catch {
        // Not connected, or no answer: whether the server has it is not known.
        await pause(PUBLISH_AGAIN_MS);
      }
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#client.disconnect();
    return Promise.resolve();
  }
}

/** It sends members their own messages, too. */
function isOwn(data: Uint8Array, index: number): boolean {
  return data.length > 2 && new DataView(data.buffer, data.byteOffset).getUint16(1) === index;
}

function centrifugoCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = join(directory, "centrifugo.json");
  const configuration = {
    http_server: {
      address: "127.0.0.1",
      port: String(port),
      tls: { enabled: true, cert_pem: certificatePath, key_pem: keyPath },
    },
    // Its defaults of 300 messages and 1 MiB are less than half of what a cut of 2 s misses here.
    client: {
      insecure: true,
      allowed_origins: ["*"],
      recovery_max_publication_limit: 10_000,
      queue_max_size: 268_435_456,
    },
    channel: {
      without_namespace: {
        allow_subscribe_for_client: true,
        allow_publish_for_subscriber: true,
        history_size: 10_000,
        history_ttl: "300s",
        force_recovery: true,
      },
    },
    log: { level: "error" },
  };
  writeFileSync(path, JSON.stringify(configuration));
  return [programPath("centrifugo"), "--config", path];
}
