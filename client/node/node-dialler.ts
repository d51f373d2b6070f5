import { systemClock } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import type { ConnectOptions } from "../relay.ts";
import { Dialler } from "./dialler.ts";
import { checkedFingerprints } from "./fingerprint.ts";
import type { Environment } from "./proxies/environment.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import { ProxyFinder } from "./proxies/proxy-finder.ts";
import { runProgram } from "./proxies/system-settings.ts";
import { Trust } from "./trust.ts";

/** Where the process runs. */
export type Surroundings = { readonly platform: string; readonly env: Environment };

/** The dialler for what an app has asked for. @throws ConnectError `option-invalid` */
export function diallerFor(
  { tls, proxy }: Pick<ConnectOptions, "tls" | "proxy">,
  { platform, env }: Surroundings,
): Dialler {
  const { url, onProxyAuth } = typeof proxy === "object" ? proxy : { url: proxy };
  const machine = { platform, env, run: runProgram };
  const trust = new Trust({ ca: tls?.ca, extraCa: tls?.extraCa, fingerprints: checkedFingerprints(tls?.fingerprint) });
  return new Dialler({ clock: systemClock, finder: checkedFinder(machine, url), onProxyAuth, trust });
}

function checkedFinder(machine: ConstructorParameters<typeof ProxyFinder>[0]["machine"], url: string | undefined) {
  try {
    return new ProxyFinder({ clock: systemClock, machine }, url);
  } catch (cause) {
    throw cause instanceof ProxyError ? new ConnectError("option-invalid", { cause }) : cause;
  }
}
