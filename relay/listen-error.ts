import { realpathSync } from "node:fs";
import { isInstalled } from "./installation.ts";
import type { ListenFailure } from "./listen-on.ts";
import { RelayError } from "./relay-error.ts";

/** Where an operator sets something: its variable, and its flag. */
export type SettingPlace = { readonly option: string; readonly flag: string };

/** The port that could not be had, and where an operator sets it. */
type WantedPort = SettingPlace & {
  readonly host: string;
  readonly port: number;
  readonly transport: "TCP" | "UDP";
  /** Where its address is set; left out: HOST, which may also be every address. */
  readonly addressPlace?: SettingPlace | undefined;
};

/** The ways to get a port below 1024 as an ordinary user. */
export const PRIVILEGED_PORT_WAYS: readonly string[] = [
  `allow this node to bind it: sudo setcap 'cap_net_bind_service=+ep' ${realpathSync(process.execPath)}`,
  `run as root: sudo ${isInstalled ? "postern serve" : "npm start"}`,
  // The image is built from a checkout.
  ...(isInstalled ? [] : ["use the container: docker run -p 443:443 postern (docs/deploy/docker.md builds it)"]),
];

/** PORT_IN_USE, PORT_NOT_PERMITTED, ADDRESS_NOT_AVAILABLE or LISTEN_FAILED, with the fix in its message. */
export function listenError(error: ListenFailure, wanted: WantedPort): RelayError {
  const { host, port, transport, option, flag, addressPlace } = wanted;
  const named = transport === "TCP" ? `Port ${port}` : `Port ${port} (UDP)`;
  const cause = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new RelayError(
        "PORT_IN_USE",
        `${named} on ${host} is in use by another process. Stop it (ss -l${transport === "TCP" ? "t" : "u"}np 'sport = :${port}' names it), or choose another port with ${option} or ${flag}.`,
        cause,
      );
    case "EACCES":
      return new RelayError(
        "PORT_NOT_PERMITTED",
        `${named} is not permitted for this user. Choose a port from 1024 with ${option} or ${flag}, or one of:\n${PRIVILEGED_PORT_WAYS.map((way) => `  - ${way}`).join("\n")}`,
        cause,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new RelayError(
        "ADDRESS_NOT_AVAILABLE",
        `This machine has no address ${host}. ${addressAdvice(addressPlace)}`,
        cause,
      );
    case "ENOTSUP":
      return new RelayError(
        "LISTEN_FAILED",
        "This system cannot share a port between processes. Leave REUSE_PORT or --reuse-port out, and give each process a port of its own.",
        cause,
      );
    default:
      return new RelayError(
        "LISTEN_FAILED",
        `Cannot listen on ${named.replace("Port", "port")} of ${host}: ${error.message}.`,
        cause,
      );
  }
}

function addressAdvice(place: SettingPlace | undefined): string {
  return place === undefined
    ? "Set HOST or --host to one of its own, or to :: for all."
    : `Set ${place.option} or ${place.flag} to those of its own.`;
}
