import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { createCertificate } from "../../scripts/bench/certificate.ts";
import { RecordWriter } from "../../scripts/bench/generator/record-writer.ts";

/** A TLS connection, and the lengths of the records that its server gets: Node gives it one chunk for each. */
async function connectTls(): Promise<{
  readonly socket: TLSSocket;
  readonly received: (bytes: number) => Promise<number[]>;
}> {
  const directory = mkdtempSync(join(tmpdir(), "postern-records-"));
  const { keyPath, pem } = createCertificate(directory);
  const server = createServer({ key: readFileSync(keyPath), cert: pem, minVersion: "TLSv1.3" }).listen(0, "127.0.0.1");
  const accepted = once(server, "secureConnection");
  await once(server, "listening");
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: "127.0.0.1",
    ca: pem,
    servername: "localhost",
  });
  const [other] = (await accepted) as [TLSSocket];
  onTestFinished(() => {
    socket.destroy();
    other.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const lengths: number[] = [];
  other.on("data", (chunk: Buffer) => lengths.push(chunk.length));
  const received = async (bytes: number) => {
    while (lengths.reduce((sum, length) => sum + length, 0) < bytes) await once(other, "data");
    return lengths;
  };
  return { socket, received };
}

it.each([{ messageBytes: 377 }, { messageBytes: 1400 }])(
  "puts each of many messages of $messageBytes bytes into a record of its own",
  async ({ messageBytes }) => {
    const { socket, received } = await connectTls();
    const writer = new RecordWriter(socket, "message", messageBytes);

    writer.write(Buffer.alloc(8 * messageBytes));
    writer.write(Buffer.alloc(2 * messageBytes));

    expect(await received(10 * messageBytes)).toEqual(Array.from({ length: 10 }, () => messageBytes));
  },
);

it("begins a new record for each message that is longer than a record can be", async () => {
  const { socket, received } = await connectTls();
  const writer = new RecordWriter(socket, "message", 20_000);

  writer.write(Buffer.alloc(40_000));

  expect(await received(40_000)).toEqual([16_384, 3616, 16_384, 3616]);
});

it("puts several messages into one record where that is wanted", async () => {
  const { socket, received } = await connectTls();
  const writer = new RecordWriter(socket, "turn", 377);

  writer.write(Buffer.alloc(8 * 377));

  expect(await received(8 * 377)).toEqual([8 * 377]);
});
