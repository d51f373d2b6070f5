import { createHash, randomBytes } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "./eventually.ts";
import { startRelay } from "./relay.ts";
import { WayProxy } from "./way-proxy.ts";

/** Who is behind the proxy, whose transport changes. */
export type Behind = "sender" | "receiver";

/** What a transfer came to. */
export type MovedTransfer = {
  readonly receivedBytes: number;
  readonly sentHash: string;
  readonly receivedHash: string;
  /** What went by each transport, as its receiver counted, from one change to the next. */
  readonly byTransport: readonly (readonly [transport: string | undefined, byteCount: number])[];
};

const PIECE_BYTES = 50_000;
/** While a change is awaited, so that something is under way all the time, and enough is left for a minute. */
const SMALL_PIECE_BYTES = 4000;
const PAUSE_MS = 20;

/** A relay, a proxy in front of it, and a way to change what it lets through. */
export async function changingWay(): Promise<ChangingWay> {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, "pass");
  return new ChangingWay(`ws://127.0.0.1:${relay.port}`, proxy);
}

/** First a WebSocket, then polls, then a WebSocket again. */
export class ChangingWay {
  readonly directUrl: string;
  readonly proxy: WayProxy;

  constructor(directUrl: string, proxy: WayProxy) {
    this.directUrl = directUrl;
    this.proxy = proxy;
  }

  /** Cuts what is open, and lets no WebSocket through. */
  forbid(): void {
    this.proxy.upgrades = "strip";
    this.proxy.cut();
  }

  /** Lets them through again: who polls goes back by itself. */
  allow(): void {
    this.proxy.upgrades = "pass";
  }
}

/** Sends random bytes over a stream while the transport of one end goes from a WebSocket to polls and back. */
export async function transferOverChanges(byteCount: number, whoIsBehind: Behind): Promise<MovedTransfer> {
  const way = await changingWay();
  const sender = connect(whoIsBehind === "sender" ? way.proxy.url : way.directUrl);
  const receiver = connect(whoIsBehind === "receiver" ? way.proxy.url : way.directUrl);
  onTestFinished(async () => {
    await Promise.all([sender.close(), receiver.close()]);
  });
  const behind = whoIsBehind === "sender" ? sender : receiver;
  const join = (relay: typeof sender): Promise<Topic> => relay.join("t", { public: true });
  const [anna, bert] = [await join(sender), await join(receiver)];
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  const byTransport: [string | undefined, number][] = [];
  let receivedBytes = 0;
  const done = Promise.withResolvers<void>();
  streamsOf(bert).onStream(async ({ readable, writable }) => {
    for await (const bytes of readable) {
      received.update(bytes);
      receivedBytes += bytes.byteLength;
      const { transport } = behind.info;
      const last = byTransport.at(-1);
      if (last !== undefined && last[0] === transport) last[1] += bytes.byteLength;
      else byTransport.push([transport, bytes.byteLength]);
    }
    await writable.close();
    done.resolve();
  });
  await eventually(() => {
    if (anna.peers.size === 0) throw new Error("nobody is there");
  });

  const stream = await streamsOf(anna).open(bert.self, "transfer");
  const writer = stream.writable.getWriter();
  let sentBytes = 0;
  const sendPiece = async (pieceBytes: number): Promise<void> => {
    const piece = randomBytes(Math.min(pieceBytes, byteCount - sentBytes));
    sent.update(piece);
    sentBytes += piece.length;
    await writer.write(piece);
  };
  const hasSent = (part: number): boolean => sentBytes >= part * byteCount;
  const sendTo = async (part: number): Promise<void> => {
    while (!hasSent(part)) await sendPiece(PIECE_BYTES);
  };
  const sendUntilOn = async (transport: string): Promise<void> => {
    while (behind.info.transport !== transport && !hasSent(0.95)) {
      await sendPiece(SMALL_PIECE_BYTES);
      await after(PAUSE_MS);
    }
  };
  await sendTo(0.2);
  way.forbid();
  await sendUntilOn("polling");
  await sendTo(0.4);
  way.allow();
  await sendUntilOn("websocket");
  await sendTo(1);
  await writer.close();
  await done.promise;
  return { receivedBytes, sentHash: sent.digest("hex"), receivedHash: received.digest("hex"), byTransport };
}
