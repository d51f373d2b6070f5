import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { itWithClients } from "../support/requires.ts";
import { CLIENTS_FOLDER } from "./start-client.ts";

const FOLDER = join(import.meta.dirname, "programs/python");
const it = itWithClients("python");

it.each([
  ["encryption", "sealing", "14 of 14 agree\n"],
  ["identity", "identity", "12 of 12 agree\n"],
])("lets a program in Python, written from docs/%s.md alone, compute the same", async (_page, name, said) => {
  const python = join(CLIENTS_FOLDER, "python/bin/python");
  const program = join(FOLDER, `${name}_vectors.py`);

  const { stdout } = await promisify(execFile)(python, [program, `protocol/vectors/${name}.json`]);

  expect(stdout).toBe(said);
});
