import { INTERCEPT_PORT, RELAY_NAME } from "./addresses.ts";
import { startHaproxy } from "./boxes/haproxy.ts";
import { closedRows, packetRows } from "./closed-rows.ts";
import { interceptionRows } from "./interception-rows.ts";
import type { Office } from "./office.ts";
import { proxyRows } from "./proxy-rows.ts";
import { passes, type Row } from "./row.ts";

/** Networks that let connections to the relay through, or some of them. */
const openRows: readonly Row[] = [
  { name: "open", network: "lets everything through", expected: passes(), build: () => undefined },
  {
    name: "443 only",
    network: "drops UDP, and TCP to every port but 443",
    expected: passes(),
    build: letTlsAlone,
  },
  {
    name: "name filter",
    network: "HAProxy reads the name in the ClientHello, and lets the relay's through",
    needs: ["haproxy"],
    expected: passes(),
    build: async (office) => {
      await startHaproxy(office, { kind: "name-filter", lets: RELAY_NAME });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
  {
    name: "slow line",
    network: "a line of 256 kbit/s",
    expected: passes(20_000),
    build: (office) => office.slowDown(256),
  },
  {
    name: "lossy line",
    network: "loses 3 of 100 packets, each way",
    expected: passes(20_000),
    build: (office) => office.forward("-m", "statistic", "--mode", "random", "--probability", "0.03", "-j", "DROP"),
  },
];

/** All kinds of networks. */
export const policyRows: readonly Row[] = [
  ...openRows,
  ...proxyRows,
  ...interceptionRows,
  ...packetRows,
  ...closedRows,
];

function letTlsAlone(office: Office): void {
  office.forward("-i", "inside", "-p", "udp", "-j", "DROP");
  office.forward("-i", "inside", "-p", "tcp", "!", "--dport", "443", "-j", "DROP");
}
