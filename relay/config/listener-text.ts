import { readVirtualHosts } from "./virtual-host-text.ts";

/** A further port, as an operator writes it: `wss:8443=pair`, `ws:8080=topic+raw`. */
export type ListenerText = {
  /** `ws`: without TLS, for this machine alone where the relay has TLS. `ws-anywhere`: without TLS, for all. */
  readonly scheme: "ws" | "wss" | "ws-anywhere";
  readonly port: number;
  /** Names of dialects. */
  readonly dialects: readonly string[];
};

const LISTENER = /^(ws|wss|ws-anywhere):(\d{1,5})=([a-z][a-z0-9+-]{0,127})$/;
const MAX_PORT = 65_535;

/** Reads what stands for one further port; undefined where it is none. */
export function readListener(text: string): ListenerText | undefined {
  const [, scheme, digits, names = ""] = LISTENER.exec(text) ?? [];
  const port = Number(digits);
  const dialects = names.split("+");
  if (!isScheme(scheme) || !(port >= 1 && port <= MAX_PORT) || dialects.includes("")) return undefined;
  return { scheme, port, dialects };
}

/** The same of an option that has been parsed. */
export function readListeners(texts: readonly string[]): readonly ListenerText[] {
  return texts.flatMap((text) => readListener(text) ?? []);
}

/** All dialects that the options name. */
export function namedDialects(config: {
  readonly dialects: readonly string[];
  readonly listen: readonly string[];
  readonly virtualHosts: readonly string[];
}): readonly string[] {
  const apart = [...readListeners(config.listen), ...readVirtualHosts(config.virtualHosts)];
  return [...new Set([...config.dialects, ...apart.flatMap(({ dialects }) => dialects)])];
}

function isScheme(text: string | undefined): text is ListenerText["scheme"] {
  return text === "ws" || text === "wss" || text === "ws-anywhere";
}
