import { join } from "node:path";
import type { LineProcess } from "../../../support/line-process.ts";
import type { BoxRole } from "../box-roles.ts";
import type { Office } from "../office.ts";

const PROGRAM = join(import.meta.dirname, "../programs/box.ts");

/** Starts a box of this role. */
export function startBox(office: Office, role: BoxRole): Promise<LineProcess> {
  return office.serve(role.port, [process.execPath, PROGRAM, JSON.stringify(role)]);
}
