import { Socket } from "node:net";

/**
 * Makes a relay do more work by a known share, so that the comparison of two builds can be shown to find it. It is loaded
 * before the relay (`--import`) and knows nothing of it: of all CPU time that the process has used, it burns that share
 * once more, where it writes to a socket.
 */
const share = Number(process.env["POSTERN_BENCH_BURDEN"]) / 100;

/** Asking for the CPU time costs a microsecond: once in so many writes. */
const WRITES_PER_LOOK = 16;

let burnedMicros = 0;
let writeCount = 0;
// It is called with its socket as `this`, below.
const write = Reflect.get(Socket.prototype, "write") as (...given: unknown[]) => boolean;

Object.assign(Socket.prototype, {
  write(this: Socket, ...given: unknown[]): boolean {
    writeCount += 1;
    if (writeCount % WRITES_PER_LOOK === 0) burn();
    return write.apply(this, given);
  },
});

function burn(): void {
  const owedMicros = share * (usedMicros() - burnedMicros) - burnedMicros;
  if (owedMicros <= 0) return;
  const end = usedMicros() + owedMicros;
  while (usedMicros() < end);
  burnedMicros += owedMicros;
}

function usedMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
