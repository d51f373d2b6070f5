import { readFileSync, writeFileSync } from "node:fs";
import { withTables } from "./tables.ts";

// Writes the tables of docs/reach.md anew, from the rows: node test/network/reach/write-tables.ts

const PAGE = "docs/reach.md";
writeFileSync(PAGE, withTables(readFileSync(PAGE, "utf8")));
