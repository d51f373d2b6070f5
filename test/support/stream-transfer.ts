import { createHash, randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import { postern } from "../../scripts/kill-test/contestants/postern.ts";
import { onStage } from "../../scripts/kill-test/stage.ts";
import { topicPair } from "./topic-pair.ts";

/** What a transfer came to. */
export type Transfer = {
  readonly sentHash: string;
  readonly receivedHash: string;
  readonly receivedBytes: number;
  readonly killCount: number;
};

const PIECE_BYTES = 100_000;

/**
 * Sends random bytes over a stream through a relay that is a process of its own, and kills and starts that so many times on the
 * way, each time while bytes are under way in both of its directions.
 */
export async function transferOverKills(byteCount: number, wantedKills: number): Promise<Transfer> {
  return onStage(postern, 2, async ({ server, proxy, ca }) => {
    const { annas, berts, bert } = await topicPair(`wss://127.0.0.1:${proxy.port(0)}`, { tls: { ca } });
    const received = createHash("sha256");
    const sent = createHash("sha256");
    let [receivedBytes, killCount] = [0, 0];
    const restarts: Promise<void>[] = [];
    onTestFinished(() => Promise.all(restarts).then(() => undefined));
    berts.onStream(async ({ readable, writable }) => {
      const echo = writable.getWriter();
      for await (const bytes of readable) {
        received.update(bytes);
        receivedBytes += bytes.byteLength;
        await echo.write(Uint8Array.of(bytes[0] ?? 0));
        if (receivedBytes < ((killCount + 0.5) * byteCount) / wantedKills) continue;
        killCount += 1;
        await server.kill();
        restarts.push(server.start());
      }
      await echo.close();
    });

    const stream = await annas.open(bert.self, "transfer");
    const echoed = stream.readable.pipeTo(new WritableStream());
    const writer = stream.writable.getWriter();
    for (let at = 0; at < byteCount; at += PIECE_BYTES) {
      const piece = randomBytes(Math.min(PIECE_BYTES, byteCount - at));
      sent.update(piece);
      await writer.write(piece);
    }
    await writer.close();
    await Promise.all([stream.closed, echoed, ...restarts]);
    return { sentHash: sent.digest("hex"), receivedHash: received.digest("hex"), receivedBytes, killCount };
  });
}
