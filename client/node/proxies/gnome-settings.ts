import type { SystemSettings } from "./settings.ts";

const SCHEMA = "org.gnome.system.proxy";

/** Reads what `gsettings list-recursively org.gnome.system.proxy` prints: lines of a schema, a key, and a value as GVariant writes it. */
export function parseGnomeSettings(output: string): SystemSettings {
  const values = new Map<string, string>();
  for (const [, schema = "", key = "", value = ""] of output.matchAll(/^(\S+) (\S+) (.*?)\s*$/gm)) {
    values.set(`${schema} ${key}`, value);
  }
  const textOf = (name: string): string => stringsIn(values.get(name) ?? "")[0] ?? "";
  const mode = textOf(`${SCHEMA} mode`);
  const proxy = (name: string, scheme: string): string | undefined => {
    const host = textOf(`${SCHEMA}.${name} host`);
    const port = Number(values.get(`${SCHEMA}.${name} port`));
    return mode !== "manual" || host === "" || !(port > 0) ? undefined : `${scheme}://${host}:${port}`;
  };
  const socks = proxy("socks", "socks5");
  return {
    secure: proxy("https", "http") ?? socks,
    plain: proxy("http", "http") ?? socks,
    pacUrl: mode === "auto" ? textOf(`${SCHEMA} autoconfig-url`) || undefined : undefined,
    exceptions: stringsIn(values.get(`${SCHEMA} ignore-hosts`) ?? ""),
  };
}

/** The strings of a value, which stand in single or double quotes. */
function stringsIn(value: string): readonly string[] {
  return [...value.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, single, double]) => single ?? double ?? "");
}
