import { expect, it, onTestFinished } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import { systemClock } from "../../client/clock.ts";
import { webSocketDial } from "../../client/line/web-socket.ts";
import { RelayClient } from "../../client/relay-client.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";
import { prepareTopic } from "../../client/topics.ts";
import { decodeV1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const MESSAGE_BYTES = 65_536;
/** More than the relay and the kernel keep for a reader that does not read. */
const MESSAGE_COUNT = 400;

it("tells exactly how many were lost of a member that is gone before this one had room", async () => {
  const relay = await startRelay({ tls: "off" });
  const [anna, bert] = [openClient(relay), openClient(relay)];
  const from = await anna.client.join("topic", { public: true });
  const to = await bert.client.join("topic", { public: true });
  const told: string[] = [];
  to.on("lost", ({ peer, count }) => told.push(`${count} lost of ${peer.id}`));
  to.on("leave", ({ id }) => told.push(`${id} has left`));
  await eventually(() => expect(from.peers.size).toBe(1));

  bert.socket().pause();
  for (let count = 0; count < MESSAGE_COUNT; count += 1) {
    void from.broadcast(new Uint8Array(MESSAGE_BYTES)).catch(() => undefined);
  }
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  anna.socket().terminate();
  await anna.client.close();
  bert.socket().resume();

  // Nobody can send them again: it is said once the grace is over, and before the leave.
  const { id } = from.self;
  await eventually(() => expect(told).toHaveLength(2));
  expect(bert.omittedCount()).toBeGreaterThan(0);
  expect(told).toEqual([`${bert.omittedCount()} lost of ${id}`, `${id} has left`]);
});

/** A client with its last socket, and how many messages the relay has said that it left out. */
type WatchedClient = {
  readonly client: RelayClient;
  readonly socket: () => NodeWebSocket;
  readonly omittedCount: () => number;
};

function openClient({ url }: TestRelay): WatchedClient {
  const sockets: NodeWebSocket[] = [];
  let omittedCount = 0;
  const watched = (address: string, subprotocol: string): NodeWebSocket => {
    const socket = new NodeWebSocket(address, subprotocol, { perMessageDeflate: false });
    sockets.push(socket);
    socket.on("message", (bytes: Buffer, isBinary) => {
      const message = isBinary ? undefined : decodeV1RelayMessage(bytes.toString());
      if (message?.type === "error" && message.code === "omitted") omittedCount += message.count ?? 0;
    });
    return socket;
  };
  const parts = {
    clock: systemClock,
    random: Math.random,
    dial: webSocketDial(systemClock, watched as never),
    resendBufferBytes: 67_108_864,
    cryptography: new WebCryptography(),
    loadTopics: () => Promise.resolve(prepareTopic),
    warn: () => undefined,
  };
  const client = new RelayClient(parts, url, {});
  onTestFinished(() => client.close());
  return { client, socket: () => lastOf(sockets), omittedCount: () => omittedCount };
}

function lastOf(sockets: readonly NodeWebSocket[]): NodeWebSocket {
  const last = sockets.at(-1);
  if (last === undefined) throw new Error("nothing was dialled");
  return last;
}
