import type { SystemSettings } from "./settings.ts";

/** Reads what `scutil --proxy` prints: lines of a name and a value, and one list, of exceptions. */
export function parseMacosSettings(output: string): SystemSettings {
  const values = new Map<string, string>();
  const exceptions: string[] = [];
  for (const [, name = "", value = ""] of output.matchAll(/^\s*(\w+) : (.*?)\s*$/gm)) {
    // An entry of the list has its place as its name.
    if (/^\d+$/.test(name)) exceptions.push(wholeNetwork(value));
    else values.set(name, value);
  }
  const isOn = (name: string): boolean => values.get(name) === "1";
  const proxy = (name: string, scheme: string): string | undefined => {
    const host = values.get(`${name}Proxy`);
    if (!isOn(`${name}Enable`) || !host) return undefined;
    const port = values.get(`${name}Port`);
    return `${scheme}://${host.includes(":") ? `[${host}]` : host}${port ? `:${port}` : ""}`;
  };
  const socks = proxy("SOCKS", "socks5");
  return {
    secure: proxy("HTTPS", "http") ?? socks,
    plain: proxy("HTTP", "http") ?? socks,
    pacUrl: isOn("ProxyAutoConfigEnable") ? values.get("ProxyAutoConfigURLString") : undefined,
    exceptions: isOn("ExcludeSimpleHostnames") ? [...exceptions, "<local>"] : exceptions,
  };
}

/** `169.254/16`, as macOS writes networks, with the zeros that others want. */
function wholeNetwork(entry: string): string {
  const [, base, bits] = /^(\d+(?:\.\d+){0,2})\/(\d+)$/.exec(entry) ?? [];
  return base === undefined ? entry : `${[...base.split("."), "0", "0", "0"].slice(0, 4).join(".")}/${bits}`;
}
