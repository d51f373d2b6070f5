import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** What becomes of the payload of a frame with data on its way to the client: it may be written to. */
type Change = (payload: Uint8Array) => void;

/** In the opcode: it is no data, and may stand between the frames of one message. */
const CONTROL = 8;
const HEAD_END = "\r\n\r\n";

/** What a relay could do that is not honest: a way to one without TLS that may change what its clients get. */
export async function changingRelay(relayPort: number, change: Change): Promise<{ readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(relayPort, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
    near.pipe(far);
    passBack(far, near, change);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Whole frames, behind the answer to the upgrade. */
function passBack(far: Socket, near: Socket, change: Change): void {
  let waiting = Buffer.alloc(0);
  let isUpgraded = false;
  far.on("data", (bytes: Buffer) => {
    waiting = Buffer.concat([waiting, bytes]);
    if (!isUpgraded) {
      const end = waiting.indexOf(HEAD_END);
      if (end < 0) return;
      isUpgraded = true;
      near.write(waiting.subarray(0, end + HEAD_END.length));
      waiting = waiting.subarray(end + HEAD_END.length);
    }
    for (let frame = firstFrame(waiting); frame !== undefined; frame = firstFrame(waiting)) {
      if (((waiting[0] ?? 0) & CONTROL) === 0) change(waiting.subarray(frame.start, frame.end));
      near.write(waiting.subarray(0, frame.end));
      waiting = waiting.subarray(frame.end);
    }
  });
}

/** Where the payload of the first frame of a server is (RFC 6455 section 5.2). @returns undefined: it is not all there */
function firstFrame(bytes: Buffer): { readonly start: number; readonly end: number } | undefined {
  const short = bytes[1] ?? 0;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return bytes.length < start + length ? undefined : { start, end: start + length };
}
