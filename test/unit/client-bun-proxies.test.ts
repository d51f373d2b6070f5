import { expect, it } from "vitest";
import { BunProxies } from "../../client/bun/proxies.ts";
import { ConnectError } from "../../client/errors.ts";

const ADDRESS = "wss://relay.test";

it.each([
  [undefined, {}, undefined],
  ["env", { HTTPS_PROXY: "proxy.test:3128" }, "http://proxy.test:3128"],
  [undefined, { https_proxy: "https://proxy.test", HTTPS_PROXY: "http://other.test" }, "https://proxy.test:443"],
  [undefined, { ALL_PROXY: "http://a%40b:c%3Ad@[::1]:8080" }, "http://a%40b:c%3Ad@[::1]:8080"],
  [undefined, { HTTP_PROXY: "http://proxy.test" }, undefined],
  [undefined, { HTTPS_PROXY: "http://proxy.test", NO_PROXY: "relay.test" }, undefined],
  ["none", { HTTPS_PROXY: "http://proxy.test" }, undefined],
  [undefined, { HTTPS_PROXY: "http://proxy.test", NO_PROXY: ".relay.test" }, undefined],
  ["http://own.test", { HTTPS_PROXY: "http://proxy.test" }, "http://own.test:80"],
  ["http://own.test", { NO_PROXY: "relay.test" }, undefined],
  [{ url: "http://own.test" }, {}, "http://own.test:80"],
] as const)("goes by the proxy of the option %j and the environment %j", (option, env, url) => {
  expect(new BunProxies(option, env).wayTo(ADDRESS).url).toBe(url);
});

it("tells the app of the proxy without its user, and of the exception", () => {
  const proxies = new BunProxies(undefined, { HTTPS_PROXY: "http://anna:secret@proxy.test", NO_PROXY: "*.local.test" });

  expect(proxies.infoFor(ADDRESS)).toEqual({ url: "http://proxy.test:80", source: "HTTPS_PROXY" });
  expect(proxies.infoFor("wss://a.local.test")).toMatchObject({ noProxyEntry: "*.local.test" });
  // Bun takes it for an exception by itself.
  expect(proxies.infoFor("wss://local.test")).toMatchObject({ noProxyEntry: "*.local.test" });
});

it.each(["system", "pac+file:///a.pac", "socks5://a", "ftp://a", "http://", { onProxyAuth: () => undefined }])(
  "refuses the option %j",
  (option) => {
    expect(() => new BunProxies(option, {})).toThrow(ConnectError);
    expect(() => new BunProxies(option, {})).toThrow(expect.objectContaining({ code: "option-invalid" }));
  },
);

it.each(["socks5://a", "ftp://a"])(
  "tells of an environment that names %s at the dial, and shows no password",
  (url) => {
    const proxies = new BunProxies(undefined, { HTTPS_PROXY: url.replace("//", "//anna:secret@") });

    expect(() => proxies.wayTo(ADDRESS)).toThrow(expect.objectContaining({ code: "proxy-invalid" }));
    expect(() => proxies.wayTo(ADDRESS)).not.toThrow(/secret/);
    expect(proxies.infoFor(ADDRESS)).toBeUndefined();
  },
);
