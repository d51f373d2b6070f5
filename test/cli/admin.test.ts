import { expect, it } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";

const LISTENING = /"msg":"listening"/;

it("drains and ends with exit code 0 when the status page asks for it", async () => {
  const adminPort = await freePort();
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1", ADMIN_PORT: String(adminPort) } });
  await relay.printed(LISTENING);
  const url = `http://127.0.0.1:${adminPort}/status`;
  const [, form = ""] = /name="form" value="([\w-]+)"/.exec(await (await fetch(url)).text()) ?? [];

  const { status } = await fetch(`${url}/drain`, {
    method: "POST",
    body: new URLSearchParams({ form, confirm: "yes" }),
  });

  expect(status).toBe(202);
  expect(await relay.exitCode()).toBe(0);
  const lines = relay.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
  expect(lines.slice(-3)).toEqual(["drain requested on the status page", "draining", "stopped"]);
});

it("does not start where the port of the admin pages is taken, and says which option that is", async () => {
  const adminPort = await freePort();
  const env = { HOST: "127.0.0.1", ADMIN_PORT: String(adminPort) };
  const first = new Run(["relay/main.ts"], { env: { ...env, PORT: "0" } });
  await first.printed(LISTENING);

  const second = new Run(["relay/main.ts"], { env: { ...env, PORT: "0" } });

  expect(await second.exitCode()).toBe(1);
  expect(second.stderr).toMatch(
    new RegExp(`ADMIN_PORT cannot be opened\\. Port ${adminPort} on 127\\.0\\.0\\.1 is in use`),
  );
  expect(second.stdout).not.toMatch(LISTENING);
  first.signal("SIGTERM");
  await eventually(async () => expect(await first.exitCode()).toBe(0));
});
