import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";

it("serves the platform's own WebSocket, which knows nothing but the classic messages", async () => {
  const relay = await startRelay();
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const authority = join(folder, "certificate.pem");
  writeFileSync(authority, relay.certificate ?? "");

  const peers = new Run(["test/fixtures/global-websocket-pair.js", relay.url], {
    env: { NODE_EXTRA_CA_CERTS: authority },
  });

  expect(await peers.exitCode(), peers.stderr).toBe(0);
  expect(JSON.parse(peers.stdout)).toEqual({
    a: ['{"type":"peer-joined","peerId":"b","topic":"pair"}', '{"type":"data","peerId":"b","data":"cG9uZw=="}'],
    b: [
      '{"type":"peer-joined","peerId":"a","topic":"pair"}',
      '{"type":"data","peerId":"a","data":"cGluZw=="}',
      '{"type":"peer-left","peerId":"a","topic":"pair"}',
    ],
  });
});
