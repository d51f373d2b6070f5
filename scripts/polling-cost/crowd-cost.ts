import { median } from "../bench/report/statistics.ts";
import { Crowd } from "./crowd.ts";
import { posternPoller } from "./postern-poller.ts";
import { withServer } from "./servers.ts";
import { socketIoPoller } from "./socket-io-poller.ts";

/** How messages come: one by one, and as fast as with so many under way. */
type Pace = {
  readonly pace: string;
  readonly messageCount: number;
  readonly windowCount: number;
  readonly everyMs: number;
};

const MIXED_PACES: readonly Pace[] = [
  { pace: "one each 200 ms", messageCount: 5, windowCount: 5, everyMs: 200 },
  { pace: "8 under way", messageCount: 40, windowCount: 8, everyMs: 0 },
  { pace: "64 under way", messageCount: 128, windowCount: 64, everyMs: 0 },
];
const SOCKET_IO_PACES: readonly Pace[] = [
  { pace: "one each 50 ms", messageCount: 20, windowCount: 20, everyMs: 50 },
  { pace: "one each 5 ms", messageCount: 200, windowCount: 200, everyMs: 5 },
  { pace: "64 under way", messageCount: 640, windowCount: 64, everyMs: 0 },
];
const ROUNDS = 5;
const SOCKET_IO_RECEIVER_COUNT = 100;

/** A crowd against another: the medians of the rounds, and of the rounds' own ratios. */
export type CrowdCost = {
  readonly pace: string;
  readonly micros: number;
  readonly yardstickMicros: number;
  readonly ratio: number;
};

/** P3: a topic of which one half polls and the other has WebSockets, against one of as many WebSockets, of the same relay in turns. */
export function measureMixed(memberCount: number): Promise<readonly CrowdCost[]> {
  return withServer("relay", async (server) => {
    const usual = { sessionName: "v1-binary", createPoller: posternPoller } as const;
    const half = Math.ceil(memberCount / 2);
    const mixed = new Crowd(server, { ...usual, topic: "mixed", pollerCount: half, webSocketCount: half });
    const sockets = new Crowd(server, { ...usual, topic: "sockets", pollerCount: 0, webSocketCount: 2 * half });
    return compare(mixed, sockets, MIXED_PACES);
  });
}

/** P4: a topic of 100 that poll against the same of Socket.IO, in turns. */
export function measureAgainstSocketIo(): Promise<readonly CrowdCost[]> {
  const counts = { topic: "polls", pollerCount: SOCKET_IO_RECEIVER_COUNT, webSocketCount: 0 };
  return withServer("relay", (relay) =>
    withServer("Socket.IO", (socketIo) => {
      const mine = new Crowd(relay, { ...counts, sessionName: "v1-binary", createPoller: posternPoller });
      const theirs = new Crowd(socketIo, { ...counts, sessionName: "socket-io", createPoller: socketIoPoller });
      return compare(mine, theirs, SOCKET_IO_PACES);
    }),
  );
}

async function compare(crowd: Crowd, yardstick: Crowd, paces: readonly Pace[]): Promise<readonly CrowdCost[]> {
  try {
    await yardstick.open();
    await crowd.open();
    const costs: CrowdCost[] = [];
    for (const pace of paces) costs.push(await compareAt(crowd, yardstick, pace));
    return costs;
  } finally {
    crowd.close();
    yardstick.close();
  }
}

/** The first round does not count: it warms up. */
async function compareAt(
  crowd: Crowd,
  yardstick: Crowd,
  { pace, messageCount, windowCount, everyMs }: Pace,
): Promise<CrowdCost> {
  const [micros, yardstickMicros]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    yardstickMicros.push(await yardstick.send(messageCount, windowCount, everyMs));
    micros.push(await crowd.send(messageCount, windowCount, everyMs));
  }
  const ratio = median(micros.slice(1).map((value, round) => value / (yardstickMicros[round + 1] ?? Number.NaN)));
  return { pace, micros: median(micros.slice(1)), yardstickMicros: median(yardstickMicros.slice(1)), ratio };
}
