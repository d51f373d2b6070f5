import type { SystemSettings } from "./settings.ts";

/** What Windows passes by without an entry, unless there is one that says not to. */
const LOOPBACK = ["localhost", "127.0.0.0/8", "::1"];

/** Reads what `reg query` prints of the key `Internet Settings`: lines of a name, `REG_...` and a value. */
export function parseWindowsSettings(output: string): SystemSettings {
  const values = new Map<string, string>();
  for (const [, name = "", value = ""] of output.matchAll(/^\s+(\S+)\s+REG_\w+[ \t]+(.*?)\s*$/gm)) {
    values.set(name, value);
  }
  const isOn = Number(values.get("ProxyEnable") ?? "0") === 1;
  const servers = isOn ? serversOf(values.get("ProxyServer") ?? "") : new Map<string, string>();
  const socks = servers.get("socks");
  // What Windows means by it is SOCKS 4.
  const last = socks === undefined ? undefined : `socks4://${socks}`;
  const entries = (values.get("ProxyOverride") ?? "").split(/[;\s]+/).filter((entry) => entry !== "");
  return {
    secure: servers.get("https") ?? servers.get("") ?? last,
    plain: servers.get("http") ?? servers.get("") ?? last,
    pacUrl: values.get("AutoConfigURL") || undefined,
    exceptions: entries.includes("<-loopback>") ? entries : [...entries, ...LOOPBACK],
  };
}

/** One for all, under no name, or some with the name of a scheme: `http=proxy:80;https=proxy:81`. */
function serversOf(text: string): ReadonlyMap<string, string> {
  const parts = text.split(/[;\s]+/).filter((part) => part !== "");
  return new Map(
    parts.map((part) => {
      const [, scheme = "", server = part] = /^(\w+)=(.*)$/.exec(part) ?? [];
      return [scheme.toLowerCase(), server];
    }),
  );
}
