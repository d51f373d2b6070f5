/** The entry `postern-client/doctor`, for Node: why an app does not get through to a relay. */

export { type CauseName, type Curer, causes } from "./doctor/causes.ts";
export { type DiagnoseOptions, type Diagnosis, diagnose, type Verdict } from "./doctor/diagnosis.ts";
export type { CheckName, Finding } from "./doctor/finding.ts";
