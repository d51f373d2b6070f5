import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

/** A server that writes, and does so much for each write that it can be measured. */
const PROGRAM = `
  const { createServer, connect } = require("node:net");
  const server = createServer((socket) => socket.resume()).listen(0, () => {
    const socket = connect(server.address().port);
    let rest = 160;
    let before;
    const step = () => {
      before ??= process.cpuUsage();
      let x = 1;
      for (let i = 0; i < 1e5; i += 1) x = (x * 48271) % 2147483647;
      socket.write("x");
      rest -= 1;
      if (rest > 0) return setImmediate(step);
      const { user, system } = process.cpuUsage(before);
      console.log(user + system);
      process.exit();
    };
    socket.on("connect", step);
  });
`;

function cpuMicros(percent: string | undefined): number {
  const preload = percent === undefined ? [] : [`--import=${process.cwd()}/scripts/bench/burden.ts`];
  const env = { ...process.env, POSTERN_BENCH_BURDEN: percent ?? "0" };
  return Number(execFileSync(process.execPath, [...preload, "-e", PROGRAM], { encoding: "utf8", env }));
}

it("makes a process do twice the work where it is told 100 %", () => {
  const plain = Math.min(...[1, 2].map(() => cpuMicros(undefined)));
  const burdened = Math.min(...[1, 2].map(() => cpuMicros("100")));

  // Half of the burden would be 1.5, twice as much 3.
  expect(burdened / plain).toBeGreaterThan(1.7);
  expect(burdened / plain).toBeLessThan(2.7);
});
