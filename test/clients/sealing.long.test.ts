import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { itWithClients } from "../support/requires.ts";
import { CLIENTS_FOLDER } from "./start-client.ts";

const PROGRAM = join(import.meta.dirname, "programs/python/sealing_vectors.py");
const it = itWithClients("python");

it("lets a program in Python, written from docs/encryption.md alone, derive, seal and open the same", async () => {
  const python = join(CLIENTS_FOLDER, "python/bin/python");

  const { stdout } = await promisify(execFile)(python, [PROGRAM, "protocol/vectors/sealing.json"]);

  expect(stdout).toBe("13 of 13 agree\n");
});
