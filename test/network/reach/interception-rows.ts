import { INTERCEPT_PORT, RELAY_NAME } from "./addresses.ts";
import { startHaproxy } from "./boxes/haproxy.ts";
import { startMitmproxy } from "./boxes/mitmproxy.ts";
import { startNginx } from "./boxes/nginx.ts";
import { startBox } from "./boxes/own.ts";
import { BUMPING_SQUID, startSquid } from "./boxes/squid.ts";
import type { Office } from "./office.ts";
import { fails, passes, type Row, UNTRUSTED } from "./row.ts";

/** Networks that intercept TLS without a word. */
export const interceptionRows: readonly Row[] = [
  {
    name: "interception",
    network: "HAProxy intercepts TLS with an authority that the machine trusts",
    needs: ["haproxy"],
    expected: passes(),
    isIntercepted: true,
    build: (office) => interceptByHaproxy(office, { corporate: true }),
  },
  {
    name: "interception that is not trusted",
    network: "the same, and the machine does not trust the authority",
    needs: ["haproxy"],
    expected: fails(UNTRUSTED, 3000),
    cause: "certificate-untrusted",
    build: (office) => interceptByHaproxy(office, { corporate: false }),
  },
  {
    name: "interception by Squid",
    network: "Squid intercepts TLS of all, and lets WebSockets through",
    needs: BUMPING_SQUID,
    expected: passes(),
    isIntercepted: true,
    build: async (office) => {
      await startSquid(office, { intercept: { isTransparent: true, letsUpgrade: true } });
      intercept(office);
    },
  },
  {
    name: "interception by Squid, as shipped",
    network: "the same as Squid is shipped: it takes the Upgrade header away",
    needs: BUMPING_SQUID,
    expected: passes(),
    isIntercepted: true,
    hindrance: "upgrade-stripped",
    build: async (office) => {
      await startSquid(office, { intercept: { isTransparent: true } });
      intercept(office);
    },
  },
  {
    name: "interception by mitmproxy",
    network: "mitmproxy intercepts TLS of all",
    needs: ["mitmdump"],
    expected: passes(),
    isIntercepted: true,
    build: async (office) => {
      await startMitmproxy(office, "transparent");
      intercept(office);
    },
  },
  {
    name: "no upgrades",
    network: "nginx intercepts TLS, and takes the Upgrade header away",
    needs: ["nginx"],
    expected: passes(),
    isIntercepted: true,
    hindrance: "upgrade-stripped",
    build: async (office) => {
      await startNginx(office);
      intercept(office);
    },
  },
  {
    name: "upgrades refused",
    network: "HAProxy intercepts TLS, and answers every upgrade 403",
    needs: ["haproxy"],
    expected: passes(),
    isIntercepted: true,
    hindrance: "upgrade-refused",
    build: async (office) => {
      await startHaproxy(office, { kind: "intercept", refusesUpgrades: true });
      intercept(office);
    },
  },
  {
    name: "upgrades swallowed",
    network: "agrees to an upgrade (101), and passes no frame on",
    expected: passes(3500),
    isIntercepted: true,
    hindrance: "frames-swallowed",
    build: async (office) => {
      const tls = office.lab.corporateRoot.issue(RELAY_NAME);
      const caFile = office.lab.publicRoot.files.certificate;
      await startBox(office, { role: "swallow", port: INTERCEPT_PORT, tls, caFile });
      intercept(office);
    },
  },
];

/** All TLS of the desk goes through the box's program, whose authority the desk trusts. */
function intercept(office: Office): void {
  office.trust({ corporate: true });
  office.redirectTls(INTERCEPT_PORT);
}

async function interceptByHaproxy(office: Office, trusted: { readonly corporate: boolean }): Promise<void> {
  await startHaproxy(office, { kind: "intercept" });
  office.trust(trusted);
  office.redirectTls(INTERCEPT_PORT);
}
