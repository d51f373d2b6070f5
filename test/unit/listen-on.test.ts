import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { listenOn } from "../../relay/listen-on.ts";

/** A server of a system without IPv6: what socket(2) says there. Its own code is only what it is asked for. */
function withoutIpv6(): Server {
  const server = createServer();
  const listen = server.listen.bind(server) as (options: { host: string }, done: () => void) => Server;
  Object.assign(server, {
    listen: (options: { host: string }, done: () => void) => {
      if (!options.host.includes(":")) return listen(options, done);
      const error = Object.assign(new Error("listen EAFNOSUPPORT"), { code: "EAFNOSUPPORT", syscall: "listen" });
      process.nextTick(() => server.emit("error", error));
      return server;
    },
  });
  onTestFinished(() => void server.close());
  return server;
}

async function answers(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host);
  onTestFinished(() => void socket.destroy());
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  }
}

it("serves IPv6 and IPv4 on ::", async () => {
  const server = createServer();
  onTestFinished(() => void server.close());

  const { host, port } = await listenOn(server, { host: "::", port: 0 });

  expect(host).toBe("::");
  expect([await answers(port, "::1"), await answers(port, "127.0.0.1")]).toEqual([true, true]);
});

it("serves IPv4 where the system has no IPv6, and says so", async () => {
  const { host, port } = await listenOn(withoutIpv6(), { host: "::", port: 0 });

  expect(host).toBe("0.0.0.0");
  expect(await answers(port, "127.0.0.1")).toBe(true);
});

it("takes no other address for one that was named", async () => {
  await expect(listenOn(withoutIpv6(), { host: "::1", port: 0 })).rejects.toMatchObject({ code: "EAFNOSUPPORT" });
});

it("outlives connections that the system cannot hand over", async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  const { port } = await listenOn(server, { host: "127.0.0.1", port: 0 });

  server.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE", syscall: "accept" }));
  server.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE", syscall: "accept" }));

  expect(await answers(port, "127.0.0.1")).toBe(true);
});
