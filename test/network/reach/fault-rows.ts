import { INTERCEPT_PORT } from "./addresses.ts";
import { startHaproxy } from "./boxes/haproxy.ts";
import { startSquid } from "./boxes/squid.ts";
import type { Office } from "./office.ts";
import { askProxy } from "./proxy-rows.ts";

/** Something that happens to a client that is connected, and sends and gets ten messages a second. */
export type FaultRow = {
  /** Unique; it stands in docs/reach.md. */
  readonly name: string;
  /** What happens, for docs/reach.md. */
  readonly fault: string;
  readonly needs?: readonly string[];
  /** It strikes others too. */
  readonly isAlone?: boolean;
  /** The client has to notice within this time, where it is long enough to be noticed at all. */
  readonly noticedWithinMs: number | undefined;
  /** From the end of the fault until messages go and come again. */
  readonly backWithinMs: number;
  readonly build?: (office: Office) => Promise<unknown>;
  /** Does it, and undoes it where it ends. */
  readonly strike: (office: Office, wait: (ms: number) => Promise<void>) => void | Promise<unknown>;
};

/** A dead line is noticed by a ping that gets no answer: 5 s of quiet, 6 s of waiting, and what a machine takes. */
const NOTICED_MS = 12_000;
/** The wait before the next attempt is random, up to a bound that has grown by then. */
const BACK_MS = 12_000;
/** Where the fault is over before it is noticed. */
const NOTICED_AND_BACK_MS = NOTICED_MS + 3000;
const CUT_MS = 18_000;
const INSIDE = ["-i", "inside"];

const cut = async (office: Office, rule: readonly string[], ms: number, wait: (ms: number) => Promise<void>) => {
  office.forward(...rule);
  await wait(ms);
  office.forwardAll();
};

/** All faults. Of none of them a message may be lost, or come twice. */
export const faultRows: readonly FaultRow[] = [
  {
    name: "cut",
    fault: "nothing goes through for 18 s, and nobody is told",
    noticedWithinMs: NOTICED_MS,
    backWithinMs: BACK_MS,
    strike: (office, wait) => cut(office, ["-j", "DROP"], CUT_MS, wait),
  },
  {
    name: "cut, one way",
    fault: "the same, from the desk to the Internet alone",
    noticedWithinMs: NOTICED_MS,
    backWithinMs: BACK_MS,
    strike: (office, wait) => cut(office, [...INSIDE, "-j", "DROP"], CUT_MS, wait),
  },
  {
    name: "reset",
    fault: "a firewall resets all connections for 3 s",
    noticedWithinMs: 2000,
    backWithinMs: BACK_MS,
    strike: (office, wait) => cut(office, ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"], 3000, wait),
  },
  {
    name: "loss",
    fault: "4 of 10 packets are lost for 10 s",
    noticedWithinMs: undefined,
    backWithinMs: 30_000,
    strike: (office, wait) =>
      cut(office, ["-m", "statistic", "--mode", "random", "--probability", "0.4", "-j", "DROP"], 10_000, wait),
  },
  {
    name: "NAT table",
    fault: "the router forgets all connections",
    noticedWithinMs: NOTICED_MS,
    backWithinMs: NOTICED_AND_BACK_MS,
    // The relay hears of it at once: when the client has noticed, its grace is over.
    build: async (office) => office.forgetAfter(3600),
    strike: (office) => office.forgetConnections(),
  },
  {
    name: "another address",
    fault: "the machine gets another address",
    noticedWithinMs: NOTICED_MS,
    backWithinMs: NOTICED_AND_BACK_MS,
    strike: (office) => office.moveDesk(),
  },
  {
    name: "proxy restarts",
    fault: "the box that intercepts TLS (HAProxy) is killed, and is back after 1 s",
    needs: ["haproxy"],
    noticedWithinMs: 2000,
    backWithinMs: BACK_MS,
    build: async (office) => {
      office.program = await startHaproxy(office, { kind: "intercept" });
      office.trust({ corporate: true });
      office.redirectTls(INTERCEPT_PORT);
    },
    strike: async (office, wait) => {
      await office.program?.end();
      await wait(1000);
      await startHaproxy(office, { kind: "intercept" });
    },
  },
  {
    name: "asked proxy restarts",
    fault: "the proxy that the client asks (Squid, by CONNECT) is killed, and is back after 1 s",
    needs: ["squid"],
    noticedWithinMs: 2000,
    backWithinMs: BACK_MS,
    build: async (office) => {
      office.program = await startSquid(office);
      askProxy(office);
    },
    strike: async (office, wait) => {
      await office.program?.end();
      await wait(1000);
      await startSquid(office);
    },
  },
  {
    name: "relay restarts",
    fault: "the relay is stopped, and another one started",
    isAlone: true,
    noticedWithinMs: 2000,
    backWithinMs: BACK_MS,
    strike: async ({ lab }) => {
      await lab.relay.process.stop();
      await lab.startRelay();
    },
  },
];

/** A connection that is quiet for longer than a box remembers it. */
export type QuietRow = {
  readonly name: string;
  readonly fault: string;
  /** The box forgets a connection after this time of quiet. */
  readonly forgetAfterSeconds: number;
  /** How long the app says nothing. */
  readonly quietMs: number;
  /** Whether the client's pings keep the connection. */
  readonly isKept: boolean;
  /** It takes longer than others want to wait: it is run with the soak tests. */
  readonly isLong?: boolean;
};

/** The client pings a quiet connection every 25 s, unless it has learned to do so more often. */
export const quietRows: readonly QuietRow[] = [
  {
    name: "quiet for 10 s",
    fault: "the box forgets connections that are quiet for 10 s, without a word",
    forgetAfterSeconds: 10,
    // The last ping goes 5 s behind the last message, the next one 25 s behind that.
    quietMs: 22_000,
    isKept: false,
  },
  {
    name: "quiet for 30 s",
    fault: "the same after 30 s",
    forgetAfterSeconds: 30,
    quietMs: 38_000,
    isKept: true,
  },
  {
    name: "quiet for 60 s",
    fault: "the same after 60 s",
    forgetAfterSeconds: 60,
    quietMs: 130_000,
    isKept: true,
    isLong: true,
  },
];
