import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { fileOf, receiving, sending, temporaryFolder } from "../support/transfers.ts";

it("goes on where it was after a restart of the relay, and of the receiver", async () => {
  const relay = await startRelay({ tls: "off" });
  const bytes = randomBytes(40_000_000);
  const folder = temporaryFolder();
  const part = join(folder, "report.pdf.part");
  const [sender, code] = await sending(relay, fileOf(bytes));
  const first = receiving(relay, code, folder);
  await eventually(() => expect(statSync(part).size).toBeGreaterThan(1_000_000));
  await relay.stop();
  await startRelay({ tls: "off", port: relay.port });
  await eventually(() => expect(statSync(part).size).toBeGreaterThan(10_000_000));
  first.signal("SIGKILL");
  await first.exitCode();
  const kept = statSync(part).size;

  const second = receiving(relay, code, folder);

  expect([await second.exitCode(), await sender.exitCode()]).toEqual([0, 0]);
  expect(readFileSync(join(folder, "report.pdf")).equals(bytes)).toBe(true);
  expect(kept).toBeLessThan(bytes.length);
});
