import { BlockList, connect, isIP, type Socket } from "node:net";
import { type Finding, failed, ok } from "./common/finding.ts";
import { SILENCE, stopwatch, within } from "./common/patience.ts";
import { codeOf, hostOf, type Patient, portOf, type Way } from "./scene.ts";

/** One lost packet is sent again after 1 s, two after 3 s. */
const TIME_MS = 4000;
const MAX_ADDRESSES = 4;

/** The addresses that filters give in the place of others. */
const nowhere = new BlockList();
nowhere.addSubnet("0.0.0.0", 8);
nowhere.addSubnet("127.0.0.0", 8);
nowhere.addAddress("::", "ipv6");
nowhere.addAddress("::1", "ipv6");

/** @property way where the port answers. */
export type TcpFound = { readonly finding: Finding; readonly way?: Way | undefined };

/** Connects to the port at each address, and to the first one that answers from then on. */
export async function checkTcp(patient: Patient, addresses: readonly string[]): Promise<TcpFound> {
  const port = portOf(patient);
  const tookMs = stopwatch(patient.clock);
  const tried = addresses.slice(0, MAX_ADDRESSES);
  const outcomes = await Promise.all(tried.map((address) => dial(patient, address, port)));
  for (const outcome of outcomes) if (typeof outcome !== "string") outcome.destroy();
  const address = tried.find((_, index) => typeof outcomes[index] !== "string");
  if (address !== undefined) {
    const figures = { tookMs: tookMs() };
    const text = `port ${port} of ${address} answers in ${figures.tookMs} ms`;
    return { finding: ok("tcp", text, figures), way: () => open(patient, address, port) };
  }
  const failures = outcomes.filter((outcome) => typeof outcome === "string");
  const text = `port ${port} of ${tried.join(", ")}: ${failures.join(", ")}`;
  const isFiltered = !isOwnMachine(hostOf(patient)) && addresses.every(leadsNowhere);
  return { finding: failed("tcp", isFiltered ? "name-filtered" : causeOf(failures), text) };
}

async function dial(patient: Patient, address: string, port: number): Promise<Socket | string> {
  try {
    const socket = await within(patient.clock, TIME_MS, open(patient, address, port));
    return socket === SILENCE ? "no answer" : socket;
  } catch (error) {
    return codeOf(error) || String(error);
  }
}

function open({ opened }: Patient, host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port });
  opened.add(socket);
  socket.on("close", () => opened.delete(socket));
  socket.on("error", reject);
  socket.on("connect", () => resolve(socket));
  return promise;
}

/** Somebody who says no is more than silence. */
function causeOf(failures: readonly string[]): "port-refused" | "no-route" | "port-silent" {
  if (failures.includes("ECONNREFUSED")) return "port-refused";
  return failures.some((code) => code === "EHOSTUNREACH" || code === "ENETUNREACH") ? "no-route" : "port-silent";
}

/** Whoever writes this means it. */
function isOwnMachine(host: string): boolean {
  return host === "localhost" || isIP(host) !== 0;
}

function leadsNowhere(address: string): boolean {
  return nowhere.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}
