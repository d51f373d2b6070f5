import { PROXY_PORT, RELAY_NAME } from "./addresses.ts";
import { startMitmproxy } from "./boxes/mitmproxy.ts";
import { startBox } from "./boxes/own.ts";
import { BUMPING_SQUID, startSquid } from "./boxes/squid.ts";
import type { Office } from "./office.ts";
import { fails, passes, type Row } from "./row.ts";

/** Networks in which nothing is routed: who wants out asks a proxy. */
export const proxyRows: readonly Row[] = [
  {
    name: "proxy",
    network: "routes nothing; Squid takes CONNECT to port 443, and only it can look up names",
    needs: ["squid"],
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
    expected: fails(/does not take this user and password/, 3000, "proxy-auth-required"),
    cause: "proxy-auth-required",
    build: async (office) => {
      await startSquid(office, { basic: { user: "alex", password: "p@ss:word" } });
      askProxy(office, "alex:wrong@");
    },
  },
  {
    name: "proxy with a wrong password, and a DNS that filters",
    network: "the same, and its DNS says 0.0.0.0",
    needs: ["squid"],
    expected: fails(/does not take this user and password/, 3000, "proxy-auth-required"),
    cause: "proxy-auth-required",
    build: async (office) => {
      await startSquid(office, { basic: { user: "alex", password: "p@ss:word" } });
      askProxy(office, "alex:wrong@");
      await startBox(office, { role: "names", port: 53, address: "0.0.0.0" });
      office.askTheBox();
    },
  },
  {
    name: "proxy that refuses",
    network: "routes nothing, and Squid does not take CONNECT to the relay's name",
    needs: ["squid"],
    expected: fails(/says 403/, 3000, "proxy-refused"),
    cause: "proxy-refused",
    build: async (office) => {
      await startSquid(office, { denies: RELAY_NAME });
      askProxy(office);
    },
  },
  {
    name: "proxy that is set wrong",
    network: "routes nothing, and what is set as the proxy is none",
    expected: fails(/HTTPS_PROXY/, 3000, "proxy-invalid"),
    cause: "proxy-invalid",
    build: (office) => {
      askProxy(office);
      office.env["HTTPS_PROXY"] = "ftp://proxy.test";
    },
  },
  {
    name: "proxy that is gone",
    network: "routes nothing, and nothing listens at the address of the proxy",
    expected: fails(/nothing listens/, 3000, "proxy-unreachable"),
    cause: "proxy-unreachable",
    build: (office) => askProxy(office),
  },
  {
    name: "proxy that intercepts TLS",
    network: "Squid intercepts TLS with an authority that the machine trusts, and lets WebSockets through",
    needs: BUMPING_SQUID,
    expected: passes(),
    isIntercepted: true,
    build: async (office) => {
      await startSquid(office, { intercept: { letsUpgrade: true } });
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
  {
    name: "proxy that intercepts TLS, as shipped",
    network: "the same as Squid is shipped: it takes the Upgrade header away",
    needs: BUMPING_SQUID,
    expected: passes(),
    isIntercepted: true,
    hindrance: "upgrade-stripped",
    build: async (office) => {
      await startSquid(office, { intercept: {} });
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
  {
    name: "mitmproxy as a proxy",
    network: "routes nothing; mitmproxy intercepts TLS with an authority that the machine trusts",
    needs: ["mitmdump"],
    expected: passes(),
    isIntercepted: true,
    build: async (office) => {
      await startMitmproxy(office, "asked");
      office.trust({ corporate: true });
      askProxy(office);
    },
  },
];

/** The desk has to ask the proxy of the box, which alone knows names. @param user with `@` behind it. */
export function askProxy(office: Office, user = ""): void {
  office.forwardNothing();
  office.desk.file("hosts", "127.0.0.1 localhost\n");
  office.env["HTTPS_PROXY"] = `http://${user}${office.boxAddress}:${PROXY_PORT}`;
}
