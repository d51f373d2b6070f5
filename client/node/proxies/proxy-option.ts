import { ConnectError } from "../../errors.ts";
import type { ConnectOptions, ProxyOptions } from "../../relay.ts";

/** What an app says of proxies, in one form. @throws ConnectError `option-invalid` */
export function proxyOptionOf(option: ConnectOptions["proxy"]): ProxyOptions {
  const { url, onProxyAuth } = typeof option === "object" && option !== null ? option : { url: option };
  // JavaScript may give anything.
  const isText = url === undefined || typeof url === "string";
  if (isText && (onProxyAuth === undefined || typeof onProxyAuth === "function")) return { url, onProxyAuth };
  throw new ConnectError("option-invalid", { cause: "proxy: a text, or { url, onProxyAuth }" });
}
