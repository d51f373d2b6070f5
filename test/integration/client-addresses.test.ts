import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../client/clock.ts";
import { connectTcp } from "../../client/node/addresses.ts";
import { bestOf } from "../support/best-of.ts";

/** Of RFC 5737 and RFC 3849: nobody answers there, or there is no way to it. */
const NOWHERE_4 = { address: "192.0.2.1", family: 4 };
const NOWHERE_6 = { address: "2001:db8::1", family: 6 };
const HERE = { address: "127.0.0.1", family: 4 };

async function listening(): Promise<number> {
  const server = createServer((socket) => void socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function addressReached(port: number, ...addresses: readonly { address: string; family: number }[]) {
  const resolve = async () => addresses;
  const socket = await connectTcp(
    { clock: systemClock, resolve },
    { hostname: "relay.test", port },
    new AbortController().signal,
  );
  onTestFinished(() => void socket.destroy());
  return socket.remoteAddress;
}

it("reaches the address that answers, wherever in the list it stands, and does not wait for the others", async () => {
  const port = await listening();
  const startMs = performance.now();

  expect(await addressReached(port, HERE)).toBe("127.0.0.1");
  expect(await addressReached(port, NOWHERE_6, HERE)).toBe("127.0.0.1");
  expect(await addressReached(port, NOWHERE_4, NOWHERE_6, HERE)).toBe("127.0.0.1");
  // Three head starts at most, and not one time limit.
  expect(performance.now() - startMs).toBeLessThan(3000);
});

it("takes the other family first where two of one lead nowhere", async () => {
  const port = await listening();
  const others = ["2001:db8::2", "2001:db8::3"].map((address) => ({ address, family: 6 }));
  const tookMs = await bestOf(
    async () => {
      const startMs = performance.now();
      expect(await addressReached(port, NOWHERE_6, ...others, HERE)).toBe("127.0.0.1");
      return performance.now() - startMs;
    },
    (figure) => figure < 900,
  );

  // Two head starts, and not three.
  expect(tookMs).toBeLessThan(900);
});

it("fails with the failure that tells most", async () => {
  const { port } = await new Promise<{ port: number }>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve({ port: typeof address === "object" && address !== null ? address.port : 0 }));
    });
  });

  await expect(addressReached(port, HERE)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await expect(addressReached(port)).rejects.toMatchObject({ code: "ENOTFOUND" });
});

it("ends at once when the caller gives up", async () => {
  const giveUp = new AbortController();
  const pending = connectTcp(
    { clock: systemClock, resolve: () => new Promise(() => undefined) },
    { hostname: "relay.test", port: 443 },
    giveUp.signal,
  );

  giveUp.abort(new Error("enough"));

  await expect(pending).rejects.toMatchObject({ code: "aborted" });
});
