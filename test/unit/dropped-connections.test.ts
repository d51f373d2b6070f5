import { EventEmitter } from "node:events";
import type { Server } from "node:net";
import { expect, it } from "vitest";
import { DroppedConnections } from "../../relay/observability/dropped-connections.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";

function scene(whenFull: "open-files" | "sockets") {
  const clock = new FakeClock();
  const lines: string[] = [];
  const server = new EventEmitter();
  const dropped = new DroppedConnections({ clock, log: createLogger("info", collector(lines)) });
  dropped.watch(server as Server, whenFull);
  return { clock, server, dropped, lines };
}

it("counts what a server closes as it comes, and says so once a minute with how many they were", () => {
  const { clock, server, dropped, lines } = scene("open-files");

  for (let count = 0; count < 5; count += 1) server.emit("drop");
  clock.advance(59_999);
  server.emit("drop");
  expect(lines).toHaveLength(1);
  clock.advance(1);
  server.emit("drop");

  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: "warn", reason: "open-files", connections: 1, msg: "connections are closed as they come" },
    { reason: "open-files", connections: 6 },
  ]);
  expect(dropped.counts()).toEqual({ "open-files": 7, sockets: 0, "accept-failed": 0 });
});

it("counts what the system could not hand over, and no error of another kind", () => {
  const { server, dropped } = scene("sockets");

  server.emit("drop");
  server.emit("error", Object.assign(new Error("EMFILE"), { syscall: "accept" }));
  server.emit("error", Object.assign(new Error("EADDRINUSE"), { syscall: "listen" }));

  expect(dropped.counts()).toEqual({ "open-files": 0, sockets: 1, "accept-failed": 1 });
});
