import { expect, it } from "vitest";
import { descriptorsFor } from "../../relay/http/descriptors.ts";

it.each([
  [10_000, 1_048_576, 10_256],
  [10_000, 10_384, 10_256],
  [10_000, 10_383, 10_255],
  [10_000, 1024, 896],
  [100, 1024, 356],
  [10_000, 100, 25],
  [10_000, Number.POSITIVE_INFINITY, 10_256],
])("gives clients of a relay for %i and a limit of %i no more than %i sockets", (maxConnections, limit, sockets) => {
  const { wanted, clientSockets } = descriptorsFor({ maxConnections, maxHttpConnections: 0 }, limit);

  expect(clientSockets).toBe(sockets);
  expect(wanted).toBe(maxConnections + 384);
});

it("has room for the connections of HTTP beside those of WebSockets", () => {
  const { wanted, clientSockets } = descriptorsFor({ maxConnections: 100, maxHttpConnections: 50 }, 1024);

  expect([wanted, clientSockets]).toEqual([534, 406]);
});

it("knows the limit of this process, on Linux", () => {
  const { limit } = descriptorsFor({ maxConnections: 1, maxHttpConnections: 1 });

  if (process.platform === "linux") expect(limit).toBeGreaterThan(100);
  else expect(limit).toBe(Number.POSITIVE_INFINITY);
});
