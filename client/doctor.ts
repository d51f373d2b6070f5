/** The entry `postern-client/doctor`, for Node: why an app does not get through to a relay. */

import { systemClock } from "./clock.ts";
import { type DiagnoseOptions, type Diagnosis, diagnoseBy } from "./doctor/diagnosis.ts";

export { type CauseName, type Curer, causes } from "./doctor/common/causes.ts";
export type { CheckName, Figures, Finding } from "./doctor/common/finding.ts";
export type { Verdict } from "./doctor/common/verdict.ts";
export type { DiagnoseOptions, Diagnosis } from "./doctor/diagnosis.ts";

/**
 * Finds out why an app does not get through to a relay, by the steps that a connection takes, and stops at the first that fails.
 * Takes less than 20 s, and what `quietSeconds` adds. It joins a topic of its own, with a random name, for that time.
 * @param address `wss://` or `ws://`
 * @throws ConnectError `address-invalid`, `option-invalid`; for nothing that the network does.
 */
export function diagnose(address: string, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  return diagnoseBy({ clock: systemClock, platform: process.platform, env: process.env }, address, options);
}
