import { onTestFinished } from "vitest";
import { systemClock } from "../../client/clock.ts";
import type { Dial, SocketEnd } from "../../client/line/socket.ts";
import type { Dialler } from "../../client/node/dialler.ts";
import { diallerFor } from "../../client/node/node-dialler.ts";
import { nodeDial } from "../../client/node/node-socket.ts";
import type { ConnectOptions, Way } from "../../client/relay.ts";

/** What of an app's options is about the dial. */
export type DialOptions = Pick<ConnectOptions, "tls" | "proxy"> & {
  readonly env?: Readonly<Record<string, string>>;
};

/** A dialler without the environment and the system of this machine: direct, unless something else is asked for. */
export function testDialler({ env = {}, ...options }: DialOptions = {}): Dialler {
  return diallerFor(options, { platform: "none", env });
}

/** The dial of Node, of such a dialler. */
export function testDial(options: DialOptions = {}): Dial {
  return nodeDial({ clock: systemClock, dialler: testDialler(options) });
}

/** Dials, and waits for what comes of it: how it goes to the relay, or its end. */
export async function outcomeOf(address: string, options: DialOptions = {}): Promise<Way | SocketEnd> {
  const { promise, resolve } = Promise.withResolvers<Way | SocketEnd>();
  const dialler = testDialler(options);
  const socket = nodeDial({ clock: systemClock, dialler })(address, {
    onOpen: () => resolve(dialler.wayTo(new URL(address)) ?? { proxy: undefined, tls: undefined }),
    onText: () => undefined,
    onBytes: () => undefined,
    onEnd: resolve,
  });
  onTestFinished(() => socket.close(""));
  return promise;
}

/** The end of a dial that fails. */
export async function failureOf(address: string, options: DialOptions = {}): Promise<SocketEnd> {
  const outcome = await outcomeOf(address, options);
  if (!("reason" in outcome)) throw new Error("it has connected");
  return outcome;
}

/** Why a dial fails, in words. */
export async function causeOf(address: string, options: DialOptions = {}): Promise<string> {
  const { cause } = await failureOf(address, options);
  return cause instanceof Error ? cause.message : `no error: ${JSON.stringify(cause)}`;
}
