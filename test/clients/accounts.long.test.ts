import { join } from "node:path";
import { expect } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { itWithClients } from "../support/requires.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { writeTemporary } from "../support/tokens.ts";
import { CLIENTS_FOLDER } from "./start-client.ts";

const PROGRAMS = join(import.meta.dirname, "programs/python");
const EVERYTHING: Partial<Config> = { dialects: ["topic", "raw", "mesh", "pair", "agent"], accountStore: "memory" };

const it = itWithClients("python");

it.each([
  ["agents", "agent_program.py"],
  ["nodes of a mesh", "mesh_program.py"],
])(
  "%s that were written from the pages alone get along, over TLS, with all dialects on one port",
  async (_, program) => {
    const relay = await startRelay(EVERYTHING);
    const run = new Run([join(PROGRAMS, program), relay.url], {
      command: join(CLIENTS_FOLDER, "python/bin/python"),
      env: {
        CA_FILE: writeTemporary("certificate.pem", sharedCertificate().certificate),
        PYTHONDONTWRITEBYTECODE: "1",
      },
    });

    const exitCode = await run.exitCode();

    expect([exitCode, run.stdout.trim(), run.stderr]).toEqual([0, "done", ""]);
  },
);
