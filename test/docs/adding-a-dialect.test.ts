import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createDialects } from "../../relay/dialects/all.ts";
import { ParrotDialect } from "../fixtures/parrot/parrot-dialect.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";

it("shows the dialect that is compiled here, but for where its imports are", () => {
  const page = readFileSync("docs/adding-a-dialect.md", "utf8");
  const code = readFileSync("test/fixtures/parrot/parrot-dialect.ts", "utf8");

  expect(page).toContain(`\`\`\`ts\n${code.replaceAll('"../../../relay/', '"../../')}\`\`\``);
});

it("needs one line for it: then it speaks, is counted, bounded and closed like any other", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN }, undefined, {
    createDialects: (parts, names) => [new ParrotDialect(parts), ...createDialects(parts, names)],
  });
  const [client, tooLong] = [await PlainClient.open(relay, "/parrot"), await PlainClient.open(relay, "/parrot")];

  client.send("hello");
  tooLong.send("x".repeat(1001));

  await client.hears("hello");
  expect(await tooLong.closed()).toEqual({ code: 1009, reason: "message too big" });
  expect((await askAsAdmin(relay, "/metrics")).body).toContain(
    'relay_messages_sent_total{dialect="parrot",client="parrot",encoding="verbatim"} 1',
  );
  await relay.stop();
  expect(await client.closed()).toEqual({ code: 1012, reason: "the relay restarts" });
});
