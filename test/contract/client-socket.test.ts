import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import { systemClock } from "../../client/clock.ts";
import { loadingDial } from "../../client/line/loading-socket.ts";
import type { Dial, Socket, SocketEnd } from "../../client/line/socket.ts";
import { webSocketDial } from "../../client/line/web-socket.ts";
import { eventually } from "../support/eventually.ts";
import { testDial } from "../support/node-dial.ts";

type Accept = (socket: ServerSocket) => void;

/** A server of WebSockets on loopback, without TLS. @returns its address. */
async function serve(accept: Accept, subprotocol: string | false = "postern.v1"): Promise<string> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, handleProtocols: () => subprotocol });
  server.on("connection", accept);
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    http.close();
  });
  return listen(http);
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return `ws://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
}

type Dialled = { readonly socket: Socket; readonly told: (string | number[])[]; readonly ends: SocketEnd[] };

function dialled(dial: Dial, address: string): Dialled {
  const told: (string | number[])[] = [];
  const ends: SocketEnd[] = [];
  const socket = dial(address, {
    onOpen: () => told.push("open"),
    onText: (text) => told.push(text),
    onBytes: (bytes) => told.push([...bytes]),
    onEnd: (end) => ends.push(end),
  });
  onTestFinished(() => socket.close("the test is over"));
  return { socket, told, ends };
}

/** The one end of a socket: nothing that happens later makes another. */
async function endOf({ socket, ends }: Dialled): Promise<SocketEnd> {
  await eventually(() => expect(ends).not.toEqual([]));
  socket.close("again");
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(ends).toHaveLength(1);
  return ends[0] ?? { code: 0, reason: "" };
}

/** What every socket of the client does, over whatever WebSocket. */
function socketContract(name: string, dial: Dial): void {
  describe(name, () => {
    it("opens, and carries text and bytes both ways and in order", async () => {
      const address = await serve((server) =>
        server.on("message", (data, isBinary) => server.send(data, { binary: isBinary })),
      );
      const client = dialled(dial, address);
      await eventually(() => expect(client.told).toEqual(["open"]));

      client.socket.send("grüße");
      client.socket.send(new Uint8Array([1, 2, 255]).subarray(1));

      await eventually(() => expect(client.told).toEqual(["open", "grüße", [2, 255]]));
      await eventually(() => expect(client.socket.bufferedBytes).toBe(0));
      expect(client.ends).toEqual([]);
    });

    it.each([1, 125, 126, 4096, 4097, 65_535, 65_536, 1_048_576])(
      "carries messages of %i bytes whole",
      async (size) => {
        const address = await serve((server) => server.on("message", (data) => server.send(data)));
        const client = dialled(dial, address);
        await eventually(() => expect(client.told).toEqual(["open"]));
        const message = Uint8Array.from({ length: size }, (_, index) => index * 7);

        // Sockets may write to what they are given.
        for (let count = 0; count < 2; count += 1) client.socket.send(new Uint8Array(message));

        await eventually(() => expect(client.told).toHaveLength(3));
        for (const bytes of client.told.slice(1)) expect(Buffer.from(bytes as number[]).equals(message)).toBe(true);
      },
    );

    it.each([1012, 1013, 4001])("tells the code %i and the reason of a close", async (code) => {
      const client = dialled(dial, await serve((server) => server.close(code, "why")));

      expect(await endOf(client)).toMatchObject({ code, reason: "why" });
    });

    it("tells no code where there was none, and none where the line was cut", async () => {
      const without = dialled(dial, await serve((server) => server.close()));
      const cut = dialled(dial, await serve((server) => server.terminate()));

      expect(await endOf(without)).toMatchObject({ code: undefined, reason: "" });
      expect(await endOf(cut)).toMatchObject({ code: undefined, reason: "" });
    });

    it("is closed at once when the client wants it, and says so to the server", async () => {
      const closes: unknown[] = [];
      const address = await serve((server) =>
        server.on("close", (code, reason) => closes.push([code, reason.toString()])),
      );
      const client = dialled(dial, address);
      await eventually(() => expect(client.told).toEqual(["open"]));

      client.socket.close("bye");
      expect(client.ends).toEqual([{ code: 1000, reason: "bye" }]);
      client.socket.send("late");

      await eventually(() => expect(closes).toEqual([[1000, "bye"]]));
      await endOf(client);
    });

    it("may be closed before it is open", async () => {
      const client = dialled(dial, await serve(() => undefined));

      client.socket.close("never mind");

      expect(await endOf(client)).toMatchObject({ code: 1000 });
      expect(client.told).toEqual([]);
    });

    it("never opens where the upgrade is refused, nobody listens, or no postern.v1 is spoken", async () => {
      const refusing = createServer();
      refusing.on("upgrade", (_, socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"));
      onTestFinished(() => void refusing.close());
      const closed = createServer();
      const nowhere = await listen(closed);
      closed.close();
      const addresses = [await listen(refusing), nowhere, await serve(() => undefined, false)];

      for (const address of addresses) {
        const client = dialled(dial, address);
        expect(await endOf(client)).toMatchObject({ code: undefined });
        expect(client.told).toEqual([]);
      }
    });

    it("does not throw for an address that is none", async () => {
      const client = dialled(dial, "wss://relay.test:99999/");
      expect(client.ends).toEqual([]);

      expect(await endOf(client)).toMatchObject({ code: undefined });
    });
  });
}

socketContract("the socket over ws", testDial());
socketContract("the socket over the runtime's WebSocket", webSocketDial(systemClock));
socketContract(
  "the socket whose code has to be loaded",
  loadingDial(() => Promise.resolve(testDial())),
);

describe("the socket whose code is not there", () => {
  it("ends with the reason, and is loaded again by the next dial", async () => {
    const address = await serve(() => undefined);
    const loads: (() => Promise<Dial>)[] = [
      () => Promise.reject(new TypeError("404")),
      () => Promise.resolve(testDial()),
    ];
    const dial = loadingDial(() => loads.shift()?.() ?? Promise.reject(new Error("asked too often")));

    const first = dialled(dial, address);
    const { code, cause } = await endOf(first);
    const second = dialled(dial, address);

    expect([code, cause]).toMatchObject([undefined, { code: "load-failed", cause: { message: "404" } }]);
    await eventually(() => expect(second.told).toEqual(["open"]));
  });

  it("never dials where it was closed before its code came", async () => {
    const coming = Promise.withResolvers<Dial>();
    const dials: string[] = [];
    const client = dialled(
      loadingDial(() => coming.promise),
      "ws://127.0.0.1:9/",
    );

    client.socket.send("too early");
    client.socket.close("never mind");
    coming.resolve((address) => {
      dials.push(address);
      return client.socket;
    });
    await coming.promise;

    expect(await endOf(client)).toEqual({ code: 1000, reason: "never mind" });
    expect(dials).toEqual([]);
  });
});
