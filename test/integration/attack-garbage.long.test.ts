import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { RawSocket } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

const CONNECTIONS = 20_000;
const AT_A_TIME = 100;
const ADMIN_TOKEN = "an-admin-token-of-some-length";

/** A record that announces 512 bytes of ClientHello, and the first few of them (RFC 8446 section 5.1). */
const PART_OF_CLIENT_HELLO = Buffer.from("160301020001000001fc0303", "hex");
const GREETINGS = [
  randomBytes(64),
  PART_OF_CLIENT_HELLO,
  Buffer.concat([PART_OF_CLIENT_HELLO, randomBytes(505)]),
  Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  Buffer.from("PROXY TCP4 198.51.100.1 192.0.2.1 4711 443\r\n"),
  Buffer.from("15030300020100", "hex"),
  Buffer.alloc(0),
];

/** Opens a connection that sends garbage, and ends it: with a reset, or by waiting for the relay to do so. */
async function attack({ port }: Scene, index: number): Promise<void> {
  // Loopback has many addresses: one has too few ports for so many connections.
  const socket = connect({ port, host: "127.0.0.1", localAddress: `127.0.1.${index % 250}` });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const greeting = GREETINGS[index % GREETINGS.length] ?? "";
  if (index % 3 === 0) socket.write(greeting, () => socket.resetAndDestroy());
  else socket.end(greeting);
  socket.resume();
  // Not `once`, which would throw where the relay resets the connection.
  await new Promise((resolve) => {
    socket.on("close", resolve);
  });
}

/** What is on the way in now; the connection that asks has asked, and is one of HTTP. */
async function readEntrance(
  scene: Scene,
): Promise<{ readonly handshakesInFlight: number; readonly clientAddresses: number }> {
  const raw = await RawSocket.open(scene);
  raw.write(`GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n\r\n`);
  await eventually(() => expect(raw.text()).toMatch(/\nrelay_client_addresses \d+\n/));
  raw.destroy();
  const valueOf = (name: string) => Number(new RegExp(`\n${name} (\\d+)\n`).exec(raw.text())?.[1]);
  return {
    handshakesInFlight: valueOf("relay_handshakes_in_flight"),
    clientAddresses: valueOf("relay_client_addresses"),
  };
}

it(`takes ${CONNECTIONS} connections that begin with garbage, and is as it was before`, async () => {
  const scene = await openScene({ handshakeTimeoutMs: 10_000, adminToken: ADMIN_TOKEN });
  let begun = 0;

  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (begun < CONNECTIONS) {
        begun += 1;
        await attack(scene, begun);
      }
    }),
  );

  await eventually(async () => {
    const { handshakesInFlight, clientAddresses } = await readEntrance(scene);
    expect(handshakesInFlight).toBe(0);
    expect(clientAddresses).toBe(1);
  });
  await scene.expectUnharmed();
});
