import { PROXY_PORT } from "./addresses.ts";
import { startMitmproxy } from "./boxes/mitmproxy.ts";
import { BUMPING_SQUID, startSquid } from "./boxes/squid.ts";
import type { Office } from "./office.ts";
import { fails, passes, type Row } from "./row.ts";

/** Networks in which nothing is routed: who wants out asks a proxy. */
export const proxyRows: readonly Row[] = [
  {
    name: "proxy",
    network: "routes nothing; Squid takes CONNECT to port 443, and only it can look up names",
    needs: ["squid"],
    awaits: ["proxies"],
    expected: passes(),
    build: async (office) => {
      await startSquid(office);
      askProxy(office);
    },
  },
  {
    name: "proxy with a password",
    network: "the same, and Squid wants a password (Basic)",
    needs: ["squid"],
    awaits: ["proxies"],
    expected: passes(),
    build: async (office) => {
      await startSquid(office, { basic: { user: "alex", password: "p@ss:word" } });
      askProxy(office, "alex:p%40ss%3Aword@");
    },
  },
  {
    name: "proxy with a wrong password",
    network: "the same, and the password is wrong",
    needs: ["squid"],
    awaits: ["proxies"],
    expected: fails(/407|password|credentials/, 3000),
    build: async (office) => {
      await startSquid(office, { basic: { user: "alex", password: "p@ss:word" } });
      askProxy(office, "alex:wrong@");
    },
  },
  {
    name: "proxy that is gone",
    network: "routes nothing, and nothing listens at the address of the proxy",
    awaits: ["proxies"],
    expected: fails(/proxy/, 3000),
    build: (office) => askProxy(office),
  },
  {
    name: "proxy that looks into TLS",
    network: "Squid looks into TLS with an authority that the machine trusts, and lets WebSockets through",
    needs: BUMPING_SQUID,
    awaits: ["proxies"],
    expected: passes(),
    build: async (office) => {
      await startSquid(office, { intercept: { letsUpgrade: true } });
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
  {
    name: "proxy that looks into TLS, as shipped",
    network: "the same as Squid is shipped: it takes the Upgrade header away",
    needs: BUMPING_SQUID,
    awaits: ["proxies"],
    expected: passes(),
    build: async (office) => {
      await startSquid(office, { intercept: {} });
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
  {
    name: "mitmproxy as a proxy",
    network: "routes nothing; mitmproxy looks into TLS with an authority that the machine trusts",
    needs: ["mitmdump"],
    awaits: ["proxies"],
    expected: passes(),
    build: async (office) => {
      await startMitmproxy(office, "asked");
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
];

/** The desk has to ask the proxy of the box, which alone knows names. @param user with `@` behind it. */
function askProxy(office: Office, user = ""): void {
  office.forwardNothing();
  office.desk.file("hosts", "127.0.0.1 localhost\n");
  office.env["HTTPS_PROXY"] = `http://${user}${office.boxAddress}:${PROXY_PORT}`;
}
