/** Writes protocol/vectors/sealing.json: `npm run vectors`. The values are fixed, so that a change of the format is seen as a change of this file. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sealingVectors } from "./sealing-vectors/values.ts";

const path = fileURLToPath(new URL("../protocol/vectors/sealing.json", import.meta.url));
writeFileSync(path, `${JSON.stringify(await sealingVectors(), undefined, 2)}\n`);
