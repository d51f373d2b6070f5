import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ADDRESS, failure, JoinScene as Scene } from "../support/join-scene.ts";

const OTHER = "wss://b.example.com";

it("dials all relays that it was given", async () => {
  const scene = new Scene().reading();
  scene.stdin.end();

  expect(await scene.join("--relay", OTHER)).toBe(0);

  expect(scene.relay.address).toEqual([ADDRESS, OTHER]);
});

it("goes on with the other relays where one shows a certificate that is not to be trusted, and says which", async () => {
  const scene = new Scene().reading();
  scene.relay.joinError = "never";
  const exitCode = scene.join("--relay", OTHER);
  await eventually(() => expect(scene.relay.joined !== undefined).toBe(true));
  for (const code of ["CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED"]) {
    scene.relay.fails(failure(code), OTHER);
    scene.relay.fails(failure("ECONNREFUSED"));
  }
  scene.signals.emit("SIGINT");

  expect(await exitCode).toBe(0);
  expect(scene.said.match(/^[!*] .*$/gm)).toEqual([
    `! ${OTHER}: The relay cannot be reached: CERT_HAS_EXPIRED`,
    "* going on with the other relays",
    `! ${ADDRESS}: The relay cannot be reached: ECONNREFUSED`,
  ]);
});

it.each([
  ["both show such a certificate", [], [OTHER, ADDRESS]],
  ["a plain topic's one does", ["--plain"], [ADDRESS]],
])("ends at once where no relay is left to go on with: %s", async (_, options, failing) => {
  const scene = new Scene().reading();
  scene.relay.joinError = "never";
  const exitCode = scene.join("--relay", OTHER, ...options);
  await eventually(() => expect(scene.relay.joined !== undefined).toBe(true));
  for (const address of failing) scene.relay.fails(failure("CERT_HAS_EXPIRED"), address);

  expect(await exitCode).toBe(1);
});
