/** Writes protocol/vectors/*.json: `npm run vectors`. The values are fixed, so that a change of a format is seen as a change of these files. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { identityVectors } from "./sealing-vectors/identity.ts";
import { sealingVectors } from "./sealing-vectors/values.ts";

const folder = new URL("../protocol/vectors/", import.meta.url);
for (const [name, vectors] of [
  ["sealing", await sealingVectors()],
  ["identity", await identityVectors()],
] as const) {
  writeFileSync(fileURLToPath(new URL(`${name}.json`, folder)), `${JSON.stringify(vectors, undefined, 2)}\n`);
}
