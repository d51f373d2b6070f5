import { epochMs, systemClock } from "../clock.ts";
import { ConnectError } from "../errors.ts";
import type { ConnectOptions, TlsOptions } from "../relay.ts";
import { Dialler, type DiallerParts } from "./dialler.ts";
import { checkedFingerprints } from "./fingerprint.ts";
import { InterceptionWatch } from "./interception-watch.ts";
import { RelaysFile, RememberedRelays } from "./known-relays.ts";
import type { Environment } from "./proxies/environment.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import { ProxyFinder } from "./proxies/proxy-finder.ts";
import { proxyOptionOf } from "./proxies/proxy-option.ts";
import { runProgram } from "./proxies/system-settings.ts";
import { checkedRelayKey } from "./relay-key.ts";
import { Trust } from "./trust.ts";

/** Where the process runs. */
export type Surroundings = { readonly platform: string; readonly env: Environment };

/** What an app says of the way to a relay. */
type WayOptions = Pick<ConnectOptions, "tls" | "proxy">;

/** The dialler for what an app has asked for. @throws ConnectError `option-invalid` */
export function diallerFor(options: WayOptions, surroundings: Surroundings): Dialler {
  return new Dialler(diallerPartsFor(options, surroundings));
}

/** What such a dialler is made of. @throws ConnectError `option-invalid` */
export function diallerPartsFor({ tls, proxy }: WayOptions, { platform, env }: Surroundings): DiallerParts {
  const { url, onProxyAuth } = proxyOptionOf(proxy);
  const machine = { platform, env, run: runProgram };
  const trust = new Trust({ ca: tls?.ca, extraCa: tls?.extraCa, fingerprints: checkedFingerprints(tls?.fingerprint) });
  return { clock: systemClock, finder: checkedFinder(machine, url), onProxyAuth, trust, watch: watchFor(tls, trust) };
}

function watchFor(tls: TlsOptions = {}, { isPinned }: Trust): InterceptionWatch {
  const { onIntercept = "allow", knownRelays: path } = tls;
  if (onIntercept !== "allow" && onIntercept !== "reject") {
    throw new ConnectError("option-invalid", { cause: 'tls.onIntercept: "allow", "reject"' });
  }
  const knownRelays = path === undefined ? new RememberedRelays() : new RelaysFile(path, warn);
  return new InterceptionWatch({
    epochMs,
    relayKey: checkedRelayKey(tls.relayKey),
    knownRelays,
    onIntercept,
    isPinned,
  });
}

function checkedFinder(machine: ConstructorParameters<typeof ProxyFinder>[0]["machine"], url: string | undefined) {
  try {
    return new ProxyFinder({ clock: systemClock, machine }, url);
  } catch (cause) {
    throw cause instanceof ProxyError ? new ConnectError("option-invalid", { cause }) : cause;
  }
}

function warn(text: string): void {
  process.emitWarning(text, "PosternWarning");
}
