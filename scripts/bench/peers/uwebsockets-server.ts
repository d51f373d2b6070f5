import { readFileSync } from "node:fs";

/** As much of Bun as this uses: it is no dependency, so its types are not here. */
type Socket = {
  data: { topic?: string; peerId?: string };
  subscribe(topic: string): void;
  publish(topic: string, text: string): void;
};
type Bun = {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly tls: { readonly key: string; readonly cert: string };
    readonly fetch: (
      request: object,
      server: { upgrade(request: object, options: object): boolean },
    ) => object | undefined;
    readonly websocket: {
      readonly perMessageDeflate: boolean;
      readonly message: (socket: Socket, text: string) => void;
      readonly close: (socket: Socket) => void;
    };
  }): void;
};
type Message = { readonly type?: string; readonly topic?: string; readonly peerId?: string; readonly data?: string };

/**
 * A relay as one writes it on uWebSockets, with its own publish and subscribe: every message is parsed, and built anew once
 * for all members. It runs in Bun, which serves WebSockets with it. Members that are there already are not announced.
 */
const [port, keyPath = "", certificatePath = ""] = process.argv.slice(2);
const { Bun } = globalThis as unknown as { Bun: Bun };

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  tls: { key: readFileSync(keyPath, "utf8"), cert: readFileSync(certificatePath, "utf8") },
  fetch: (request, server) => (server.upgrade(request, { data: {} }) ? undefined : new Response("", { status: 400 })),
  websocket: {
    perMessageDeflate: false,
    message(socket, text) {
      const message = JSON.parse(text) as Message;
      if (message.type === "join") join(socket, message);
      else if (message.type === "data")
        tellOthers(socket, { type: "data", peerId: socket.data.peerId, data: message.data });
    },
    close: (socket) => tellOthers(socket, { type: "peer-left", ...socket.data }),
  },
});

function join(socket: Socket, { topic = "", peerId = "" }: Message): void {
  socket.data = { topic, peerId };
  tellOthers(socket, { type: "peer-joined", peerId, topic });
  socket.subscribe(topic);
}

function tellOthers(socket: Socket, message: object): void {
  if (socket.data.topic !== undefined) socket.publish(socket.data.topic, JSON.stringify(message));
}
