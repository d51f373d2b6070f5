import { describe, expect, it } from "vitest";
import {
  type Environment,
  exceptionsOfEnvironment,
  proxyOfEnvironment,
} from "../../client/node/proxies/environment.ts";
import { parseGnomeSettings } from "../../client/node/proxies/gnome-settings.ts";
import { parseMacosSettings } from "../../client/node/proxies/macos-settings.ts";
import { ProxyFinder } from "../../client/node/proxies/proxy-finder.ts";
import { parseProxyUrl } from "../../client/node/proxies/proxy-url.ts";
import { targetOf } from "../../client/node/proxies/target.ts";
import { parseWindowsSettings } from "../../client/node/proxies/windows-settings.ts";
import { FakeClock } from "../support/fake-clock.ts";

const RELAY = targetOf(new URL("wss://relay.example.test"));

describe("the URL of a proxy", () => {
  it.each([
    ["http://proxy.test:3128", "http://proxy.test:3128"],
    ["proxy.test:3128", "http://proxy.test:3128"],
    [" proxy.test ", "http://proxy.test:80"],
    ["HTTPS://proxy.test", "https://proxy.test:443"],
    ["http://[fd00::1]:8080/", "http://[fd00::1]:8080"],
    ["socks5h://proxy.test", "socks5://proxy.test:1080"],
    ["socks://10.0.0.1:9050", "socks5://10.0.0.1:9050"],
    ["http://user:pa%3Ass@proxy.test:3128", "http://proxy.test:3128"],
  ])("takes %s for %s", (text, shownUrl) => {
    expect(parseProxyUrl(text, "it").shownUrl).toBe(shownUrl);
  });

  it("decodes user and password, which it shows nowhere", () => {
    const { user, shownUrl } = parseProxyUrl("http://a%40b:p%3A%25@proxy.test", "it");

    expect(user).toEqual({ name: "a@b", password: "p:%" });
    expect(shownUrl).toBe("http://proxy.test:80");
  });

  it.each([
    ["http://", /HTTPS_PROXY is no URL/],
    ["http://proxy.test:99999", /is no URL/],
    ["http://proxy.test:0", /names the port 0/],
    ["socks4://proxy.test", /of a kind that is not there: socks4:/],
    ["quic://proxy.test", /of a kind that is not there: quic:/],
    ["http://user:secret%@proxy.test", /write %25/],
    ["socks5://", /names no host|is no URL/],
  ])("says what is wrong with %s, and not what may be a secret in it", (text, sentence) => {
    const parse = (): unknown => parseProxyUrl(text, "HTTPS_PROXY");

    expect(parse).toThrow(sentence);
    expect(parse).toThrow(
      expect.objectContaining({ code: "proxy-invalid", message: expect.not.stringContaining("secret") }),
    );
  });
});

describe("the environment", () => {
  const all = {
    https_proxy: "http://1",
    HTTPS_PROXY: "http://2",
    all_proxy: "http://3",
    ALL_PROXY: "http://4",
    http_proxy: "http://5",
    HTTP_PROXY: "http://6",
  };
  const without = (...names: readonly string[]): Environment =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)));

  it.each([
    [all, true, "https_proxy"],
    [without("https_proxy"), true, "HTTPS_PROXY"],
    [{ ...all, https_proxy: " " }, true, "HTTPS_PROXY"],
    [without("https_proxy", "HTTPS_PROXY"), true, "all_proxy"],
    [{ ALL_PROXY: "http://4", HTTP_PROXY: "http://6" }, true, "ALL_PROXY"],
    [{ HTTP_PROXY: "http://6", http_proxy: "http://5" }, true, undefined],
    [all, false, "http_proxy"],
    [without("http_proxy"), false, "HTTP_PROXY"],
    [{ ...without("http_proxy"), REQUEST_METHOD: "GET" }, false, "all_proxy"],
    [{}, true, undefined],
  ])("of %j names for TLS %s the proxy of %s", (env: Environment, isTls, source) => {
    expect(proxyOfEnvironment(env, isTls)?.source).toBe(source);
  });

  it("has the exceptions of no_proxy, and where that is not set of NO_PROXY", () => {
    expect(exceptionsOfEnvironment({ no_proxy: "a", NO_PROXY: "b" })).toEqual(["a"]);
    expect(exceptionsOfEnvironment({ no_proxy: " ", NO_PROXY: "b, c" })).toEqual(["b", "c"]);
    expect(exceptionsOfEnvironment({})).toEqual([]);
  });
});

const REG_QUERY = [
  "",
  String.raw`HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Internet Settings`,
  "    User Agent    REG_SZ    Mozilla/4.0 (compatible; MSIE 8.0; Win32)",
  "    ProxyEnable    REG_DWORD    0x1",
  "    ProxyServer    REG_SZ    proxy.corp.example:8080",
  "    ProxyOverride    REG_SZ    10.*;*.corp.example;<local>",
  String.raw`HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections`,
  "",
].join("\r\n");

describe("Windows", () => {
  it("names one proxy for all, its exceptions, and its own loopback", () => {
    expect(parseWindowsSettings(REG_QUERY)).toEqual({
      secure: "proxy.corp.example:8080",
      plain: "proxy.corp.example:8080",
      pacUrl: undefined,
      exceptions: ["10.*", "*.corp.example", "<local>", "localhost", "127.0.0.0/8", "::1"],
    });
  });

  it("names one for each scheme, and takes its SOCKS for what it is: version 4", () => {
    const query = REG_QUERY.replace("proxy.corp.example:8080", "http=a:80;https=b:81;socks=c:1080");

    expect(parseWindowsSettings(query)).toMatchObject({ secure: "b:81", plain: "a:80" });
    const socksAlone = REG_QUERY.replace("proxy.corp.example:8080", "socks=c:1080");
    expect(parseWindowsSettings(socksAlone)).toMatchObject({ secure: "socks4://c:1080" });
  });

  it("has none where it is switched off, a script where one is named, and no loopback of its own where that is taken back", () => {
    const off = REG_QUERY.replace("0x1", "0x0").replace("<local>", "<-loopback>");
    const withScript = `${off}    AutoConfigURL    REG_SZ    http://wpad.corp.example/proxy.pac\r\n`;

    expect(parseWindowsSettings(withScript)).toEqual({
      secure: undefined,
      plain: undefined,
      pacUrl: "http://wpad.corp.example/proxy.pac",
      exceptions: ["10.*", "*.corp.example", "<-loopback>"],
    });
    expect(parseWindowsSettings("")).toMatchObject({ secure: undefined, pacUrl: undefined });
  });
});

const SCUTIL = `<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  ExcludeSimpleHostnames : 1
  FTPPassive : 1
  HTTPEnable : 1
  HTTPPort : 8080
  HTTPProxy : web.corp.example
  HTTPSEnable : 1
  HTTPSPort : 8443
  HTTPSProxy : secure.corp.example
  ProxyAutoConfigEnable : 0
  ProxyAutoConfigURLString : http://wpad.corp.example/proxy.pac
  SOCKSEnable : 0
}
`;

describe("macOS", () => {
  it("names proxies and exceptions, whose networks lack their zeros", () => {
    expect(parseMacosSettings(SCUTIL)).toEqual({
      secure: "http://secure.corp.example:8443",
      plain: "http://web.corp.example:8080",
      pacUrl: undefined,
      exceptions: ["*.local", "169.254.0.0/16", "<local>"],
    });
  });

  it("takes SOCKS where there is nothing else, and a script where it is on", () => {
    const socks = `${SCUTIL.replaceAll("SEnable : 1", "SEnable : 0").replace("SOCKSEnable : 0", "SOCKSEnable : 1")}  SOCKSProxy : s.test\n  SOCKSPort : 1081\n`;

    expect(parseMacosSettings(socks).secure).toBe("socks5://s.test:1081");
    expect(parseMacosSettings(SCUTIL.replace("ConfigEnable : 0", "ConfigEnable : 1")).pacUrl).toBe(
      "http://wpad.corp.example/proxy.pac",
    );
    expect(parseMacosSettings("<dictionary> {\n}\n")).toMatchObject({ secure: undefined, exceptions: [] });
  });
});

const GSETTINGS = `org.gnome.system.proxy autoconfig-url 'http://wpad.corp.example/proxy.pac'
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', "::1"]
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.ftp host ''
org.gnome.system.proxy.ftp port 0
org.gnome.system.proxy.http host 'web.corp.example'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.https host 'secure.corp.example'
org.gnome.system.proxy.https port 8443
org.gnome.system.proxy.socks host 's.test'
org.gnome.system.proxy.socks port 1080
`;

describe("GNOME", () => {
  it("names proxies and exceptions", () => {
    expect(parseGnomeSettings(GSETTINGS)).toEqual({
      secure: "http://secure.corp.example:8443",
      plain: "http://web.corp.example:8080",
      pacUrl: undefined,
      exceptions: ["localhost", "127.0.0.0/8", "::1"],
    });
  });

  it("has none in mode none, a script in mode auto, and SOCKS where no other has a host", () => {
    const none = parseGnomeSettings(GSETTINGS.replace("'manual'", "'none'").replace(/\['localhost'.*\]/, "@as []"));
    expect(none).toEqual({ secure: undefined, plain: undefined, pacUrl: undefined, exceptions: [] });
    expect(parseGnomeSettings(GSETTINGS.replace("'manual'", "'auto'"))).toMatchObject({
      secure: undefined,
      pacUrl: "http://wpad.corp.example/proxy.pac",
    });
    expect(parseGnomeSettings(GSETTINGS.replace("'secure.corp.example'", "''")).secure).toBe("socks5://s.test:1080");
  });
});

describe("the finder", () => {
  const commands: string[] = [];
  const finder = (
    choice: string | undefined,
    env: Environment = {},
    outputs: Readonly<Record<string, string>> = {},
  ) => {
    const clock = new FakeClock();
    const platform = "reg" in outputs ? "win32" : "scutil" in outputs ? "darwin" : "linux";
    const run = (command: string): Promise<string> => {
      commands.push(command);
      const [, output] = Object.entries(outputs).find(([name]) => command.includes(name)) ?? [];
      return output === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(output);
    };
    return { clock, find: new ProxyFinder({ clock, machine: { platform, env, run } }, choice) };
  };
  const infoOf = async ({ find }: ReturnType<typeof finder>, target = RELAY) => (await find.find(target))[0].info;
  const env = { HTTPS_PROXY: "http://u:p@proxy.test:3128", NO_PROXY: "near.test" };

  it.each([
    [undefined, { url: "http://proxy.test:3128", source: "HTTPS_PROXY" }],
    ["env", { url: "http://proxy.test:3128", source: "HTTPS_PROXY" }],
    ["none", undefined],
    ["system", { url: "http://proxy.corp.example:8080", source: "system" }],
    ["other.test:99", { url: "http://other.test:99", source: "option" }],
  ])("goes for the option %s by %j", async (choice, info) => {
    expect(await infoOf(finder(choice, env, { reg: REG_QUERY }))).toEqual(info);
  });

  it("asks the system where the environment names nothing, unless only the environment is to be asked", async () => {
    const outputs = { scutil: SCUTIL };

    expect(await infoOf(finder(undefined, {}, outputs))).toEqual({
      url: "http://secure.corp.example:8443",
      source: "system",
    });
    expect(await infoOf(finder("env", {}, outputs))).toBeUndefined();
    expect(await infoOf(finder(undefined, {}, {}))).toBeUndefined();
  });

  it("asks GNOME only on a desktop", async () => {
    commands.length = 0;
    const outputs = { gsettings: GSETTINGS };

    expect(await infoOf(finder(undefined, {}, outputs))).toBeUndefined();
    expect(commands).toEqual([]);
    expect(await infoOf(finder(undefined, { XDG_CURRENT_DESKTOP: "GNOME" }, outputs))).toMatchObject({
      source: "system",
    });
  });

  it("names the exception by which a relay is dialled without the proxy, of the variable and of the system", async () => {
    const near = targetOf(new URL("wss://relay.near.test"));
    const inCorp = targetOf(new URL("wss://relay.corp.example"));
    const byVariable = finder(undefined, env);
    const bySystem = finder(undefined, { NO_PROXY: "near.test" }, { reg: REG_QUERY });

    expect(await byVariable.find.find(near)).toEqual([
      { proxy: undefined, info: { url: "http://proxy.test:3128", source: "HTTPS_PROXY", noProxyEntry: "near.test" } },
    ]);
    expect(await infoOf(bySystem, near)).toMatchObject({ source: "system", noProxyEntry: "near.test" });
    expect(await infoOf(bySystem, inCorp)).toMatchObject({ source: "system", noProxyEntry: "*.corp.example" });
    expect(await infoOf(finder("other.test:99", { NO_PROXY: "*" }), near)).toEqual({
      url: "http://other.test:99",
      source: "option",
    });
  });

  it("never goes without a proxy whose setting makes no sense", async () => {
    await expect(infoOf(finder(undefined, { HTTPS_PROXY: "socks4://proxy.test" }))).rejects.toMatchObject({
      code: "proxy-invalid",
      message: expect.stringContaining("HTTPS_PROXY"),
    });
    const socks = { reg: REG_QUERY.replace("proxy.corp.example:8080", "socks=c:1080") };
    await expect(infoOf(finder(undefined, {}, socks))).rejects.toMatchObject({ code: "proxy-invalid" });
    expect(() => finder("gopher://x")).toThrow(expect.objectContaining({ code: "proxy-invalid" }));
  });

  it("looks at the system's settings again after half a minute: a laptop goes home", async () => {
    commands.length = 0;
    const scene = finder(undefined, {}, { reg: REG_QUERY });

    await infoOf(scene);
    await infoOf(scene);
    expect(commands).toHaveLength(1);
    scene.clock.advance(30_000);
    await infoOf(scene);
    expect(commands).toHaveLength(2);
  });
});
