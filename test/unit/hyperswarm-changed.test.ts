import { once } from "node:events";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair } from "hypercore-crypto";
import { expect, it } from "vitest";
import { ByteReader } from "../../client/hyperswarm/byte-reader.ts";
import { createNoiseHandshake } from "../../client/hyperswarm/handshake.ts";
import { RawStream } from "../../client/hyperswarm/raw-stream.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";

/** One end of a stream to a peer whose bytes go this way. */
function peerStream(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): PeerStream {
  return {
    peer: { id: "peer", isClassic: false },
    label: "",
    isIncoming: false,
    forwardSecret: false,
    isPeerAway: false,
    readable,
    writable,
    closed: Promise.resolve(),
    selfSealed: () => undefined,
    abort: () => void writable.abort().catch(() => undefined),
  };
}

function rawStream(stream: PeerStream): RawStream {
  return new RawStream(stream, new ByteReader(stream.readable), stream.writable.getWriter());
}

it("ends with an error where somebody with the topic's secret changes a byte: Noise takes nothing of it", async () => {
  const [calling, called] = [keyPair(), keyPair()];
  const [caller, callee] = [createNoiseHandshake(calling, called.publicKey), createNoiseHandshake(called, null)];
  await callee.recv(await caller.send());
  await caller.recv(await callee.send());
  const state = { isChanging: false };
  const there = new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => {
      const at = bytes.length - 1;
      controller.enqueue(state.isChanging ? Uint8Array.from(bytes).with(at, (bytes[at] ?? 0) ^ 1) : bytes.slice());
    },
  });
  const back = new TransformStream<Uint8Array, Uint8Array>();
  const one = new NoiseSecretStream(true, rawStream(peerStream(back.readable, there.writable)), {
    handshake: caller.final(),
  });
  const raw = rawStream(peerStream(there.readable, back.writable));
  const other = new NoiseSecretStream(false, raw, { handshake: callee.final() });
  one.on("error", () => undefined);
  const heard: string[] = [];
  other.on("data", (bytes) => heard.push(String(bytes)));
  one.write(Buffer.from("as it was"));
  await once(other, "data");
  state.isChanging = true;
  const failing = once(other, "error");

  one.write(Buffer.from("changed"));

  const [error] = (await failing) as [Error];
  expect(error).toBeInstanceOf(Error);
  expect(heard).toEqual(["as it was"]);
});
