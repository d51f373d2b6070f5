import { once } from "node:events";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair } from "hypercore-crypto";
import { expect, it } from "vitest";
import { toBase64url } from "../../client/base64url.ts";
import { accept } from "../../client/hyperswarm/acceptance.ts";
import { Crossings } from "../../client/hyperswarm/crossings.ts";
import { confirmationOf, createNoiseHandshake } from "../../client/hyperswarm/handshake.ts";
import { RelayServer } from "../../client/hyperswarm/server.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { StreamError } from "../../client/streams/stream-error.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A stream that somebody has opened with this label, who writes by `send` and ends it by `fail`. */
function incoming(label: string, onWritten: (bytes: Uint8Array) => Promise<void>) {
  const failing = new StreamError({ reason: "the peer has given it up" });
  let [readable, writable]: [ReadableStreamDefaultController?, WritableStreamDefaultController?] = [];
  const stream: PeerStream = {
    peer: { id: "peer", isClassic: false },
    label,
    isIncoming: true,
    forwardSecret: false,
    isPeerAway: false,
    readable: new ReadableStream({ start: (controller) => void (readable = controller) }),
    writable: new WritableStream({ start: (controller) => void (writable = controller), write: onWritten }),
    closed: Promise.resolve(),
    selfSealed: () => undefined,
    abort: () => undefined,
  };
  const fail = (): void => {
    readable?.error(failing);
    writable?.error(failing);
  };
  return { stream, send: (bytes: Uint8Array) => readable?.enqueue(bytes), fail };
}

it("ends a connection whose peer gives up while an own dial to it is still ending", async () => {
  const [own, dialling] = [keyPair(), keyPair()];
  const pair = { own: own.publicKey, remote: dialling.publicKey };
  const crossings = new Crossings();
  const ownDial = new NoiseSecretStream(true, null, { autoStart: false });
  crossings.add(pair, ownDial);
  const server = new RelayServer({}, undefined, {
    createHandshake: createNoiseHandshake,
    defaultKeyPair: own,
    announceKey: () => Promise.resolve(),
    withdrawKey: () => Promise.resolve(),
    relayAddresses: () => [],
  });
  await server.listen();
  const dial = createNoiseHandshake(dialling, own.publicKey);
  const { stream, send, fail } = incoming(toBase64url(await dial.send()), async (answer) => {
    await dial.recv(answer.subarray(2));
    send(confirmationOf(dial.final().tx));
  });
  ownDial.on("close", fail);
  const connected = once(server, "connection");

  const parts = {
    clock: new FakeClock(),
    keepAliveMs: 0,
    crossings,
    servers: () => [server],
    endAway: () => Promise.resolve(),
    onConnection: () => 0,
  };
  await accept(stream, parts);

  const [connection] = (await connected) as [NoiseSecretStream];
  const [error] = (await once(connection, "error")) as [Error];
  expect(error).toMatchObject({ code: "ECONNRESET" });
});
